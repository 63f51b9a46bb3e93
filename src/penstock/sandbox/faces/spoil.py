"""Answers that go wrong: refused, broken off, cut, slow, or full of nonsense."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime

import msgspec
from aiohttp import web

from penstock.sandbox.authority import Grant
from penstock.sandbox.bank import Bank
from penstock.sandbox.faces.answers import BANK, Refusal, Reply, json_bytes
from penstock.sandbox.faults import GARBAGE, Fault, FaultKind, RetryAfter

HTML = b"<!doctype html><title>Down for maintenance</title><h1>We will be back soon.</h1>"
HUGE = "9" * 60
_REFUSED = {
    FaultKind.MUTATION: ("mutation_during_pagination", "The rows changed: begin again."),
    FaultKind.CURSOR_LOST: ("cursor_not_associated", "The cursor is not of these accounts."),
}


async def spoiled(
    request: web.Request, fault: Fault, reply: Reply, grant: Grant
) -> web.StreamResponse:
    """Answer wrongly, in the way that the fault says. Raises Refusal."""
    bank = request.app[BANK]
    instead = _INSTEAD.get(fault.kind)
    if instead is not None:
        return instead(request, fault, reply)
    if fault.kind is FaultKind.NOT_READY and reply.unready:
        return json_bytes(reply.unready)
    body = reply.answer(grant)
    if fault.kind is FaultKind.CUT:
        return await _cut(request, body)
    if fault.kind is FaultKind.SLOW:
        await asyncio.sleep(bank.options.slow_seconds)
    if fault.kind in GARBAGE:
        body = garbled(body, fault.kind)
    return json_bytes(body, headers=reply.headers(bank, grant))


def _throttle(request: web.Request, fault: Fault, reply: Reply) -> web.Response:
    body = reply.complain(429, "rate_limited", "Too many requests: wait, then ask again.")
    return throttled(request.app[BANK], fault, body)


def _break(_request: web.Request, fault: Fault, reply: Reply) -> web.Response:
    body = reply.complain(fault.status, "server_error", "Something broke at the bank.")
    return json_bytes(body, status=fault.status)


def _reset(request: web.Request, _fault: Fault, _reply: Reply) -> web.Response:
    return reset(request)


def _page(_request: web.Request, _fault: Fault, _reply: Reply) -> web.Response:
    return web.Response(body=HTML, content_type="text/html")


def _refuse(_request: web.Request, fault: Fault, _reply: Reply) -> web.Response:
    raise Refusal(400, *_REFUSED[fault.kind])


_INSTEAD: dict[FaultKind, Callable[[web.Request, Fault, Reply], web.Response]] = {
    FaultKind.THROTTLED: _throttle,
    FaultKind.SERVER_ERROR: _break,
    FaultKind.RESET: _reset,
    FaultKind.HTML: _page,
    FaultKind.MUTATION: _refuse,
    FaultKind.CURSOR_LOST: _refuse,
}


def throttled(bank: Bank, fault: Fault, body: bytes) -> web.Response:
    """Answer 429, and say when to come back: in seconds, as a date, or not at all (RFC 9110)."""
    headers = {}
    if fault.retry_after is RetryAfter.SECONDS:
        headers["Retry-After"] = str(fault.seconds)
    if fault.retry_after is RetryAfter.DATE:
        at = bank.options.clock() + timedelta(seconds=fault.seconds + 1)
        headers["Retry-After"] = format_datetime(at, usegmt=True)
    return json_bytes(body, status=429, headers=headers)


def reset(request: web.Request) -> web.Response:
    """Break the connection off without a word."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _cut(request: web.Request, body: bytes) -> web.StreamResponse:
    """Announce the whole body, send half of it, and hang up."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def garbled(body: bytes, kind: FaultKind) -> bytes:
    """Return a body that is wrong in one place: a type, a number, a missing field, half of it."""
    if kind is FaultKind.HALF:
        return body[: len(body) // 2]
    content = msgspec.json.decode(body)
    victim = _first_object(content)
    if victim is None:
        return HTML
    money = (each for each in ("amount", "current", "currency") if each in victim)
    name = next(money, next(iter(victim), "id"))
    if kind is FaultKind.MISSING:
        victim.pop(name, None)
    else:
        victim[name] = {FaultKind.NAN: "NaN", FaultKind.HUGE: HUGE}.get(kind, [{"not": "this"}])
    return msgspec.json.encode(content)


def _first_object(content: object) -> dict[str, object] | None:
    """Return the first row, account or balance of an answer."""
    for part in content.values() if isinstance(content, dict) else ():
        if isinstance(part, list) and part and isinstance(part[0], dict):
            return part[0]
    return None
