"""`Idempotency-Key` on a POST: the same key with the same request is done once.

The answer is kept for a day, sealed and bound to the person, and sent again with the header
`Idempotency-Replayed: true`. The same key with another request is refused (422), and while the
first is still being worked on so is the same one (409). A request that failed did nothing, so
nothing is kept of it, and its key may be used again. (draft-ietf-httpapi-idempotency-key-header)
"""

import asyncio
import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from penstock.api.errors import KeyReused, MalformedRequest, StillRunning
from penstock.api.running import Installation, installation_of
from penstock.db import idempotency
from penstock.db.idempotency import Kept, Once
from penstock.domain.secret import Secret
from penstock.identity.caller import Caller
from penstock.vault.cipher import Place

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"

_KEY: Final = re.compile(r"[!-~]{1,255}")
_KEPT_FOR: Final = timedelta(days=1)
_ABANDONED_AFTER: Final = timedelta(minutes=10)
_FAILED: Final = 400
_KEPT_HEADERS: Final = ("content-type", "location")
"""What belongs to the answer itself; all others are written anew each time."""


class _Answer(msgspec.Struct, frozen=True):
    status: int
    headers: dict[str, str]
    body: bytes


async def once(
    request: Request, caller: Caller, answer: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Answer a request that carries a key. Raises MalformedRequest, KeyReused, StillRunning."""
    running = installation_of(request.scope)
    asked = await _asked(request, caller, running.identity.ground.key("idempotency"))
    now = running.clock()
    kept = await running.database.write(
        idempotency.begin,
        asked,
        now=now,
        expires_at=now + _KEPT_FOR,
        abandoned_before=now - _ABANDONED_AFTER,
    )
    if kept is not None:
        return _replay(running, asked, kept)
    try:
        await asyncio.to_thread(running.cipher.ready, _place(asked).owner)  # too late afterwards
        response = await answer(request)
    except Exception:
        await running.database.write(idempotency.forget, asked)
        raise
    if response.status_code < _FAILED:
        await running.database.write(idempotency.keep, asked, _seal(running, asked, response))
    else:
        await running.database.write(idempotency.forget, asked)
    return response


async def _asked(request: Request, caller: Caller, key: bytes) -> Once:
    keys = request.headers.getlist(HEADER)
    if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
        raise MalformedRequest(f"{HEADER} is 1 to 255 visible ASCII characters, sent once.")
    # Under a key: a body may hold a password, and a plain hash would let a dump's reader guess.
    content = hmac.new(key, digestmod=hashlib.sha256)
    for part in (request.method, request.url.path, request.url.query):
        content.update(part.encode("utf-8", "surrogatepass") + b"\0")
    content.update(await request.body())
    key_hash = hashlib.sha256(keys[0].encode("ascii")).hexdigest()
    return Once(caller.user_id, key_hash, content.hexdigest())


def _place(asked: Once) -> Place:
    return Place(f"user:{asked.owner_id}", f"idempotency:{asked.key_hash}", "answer")


def _seal(running: Installation, asked: Once, response: Response) -> str:
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    kept = _Answer(response.status_code, headers, bytes(response.body))
    return running.cipher.seal(Secret(msgspec.json.encode(kept).decode()), _place(asked))


def _replay(running: Installation, asked: Once, kept: Kept) -> Response:
    if kept.fingerprint != asked.fingerprint:
        raise KeyReused(f"This {HEADER} was used with another request: take a new one.")
    if kept.answer is None:
        raise StillRunning
    opened = running.cipher.open(kept.answer, _place(asked))
    answer = msgspec.json.decode(opened.reveal(), type=_Answer)
    return Response(answer.body, answer.status, {**answer.headers, REPLAYED: "true"})
