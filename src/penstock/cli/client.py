"""Asking the API, as whoever is signed in: the same requests with a server and without one."""

import contextlib
import platform
import uuid
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any, Final

import httpx2

from penstock.cli.access import Access
from penstock.cli.problem import failed_by_answer, read_object, unreachable_as_failed
from penstock.cli.proving import asks_for_proof, prove

Parameters = Mapping[str, Any]

_TIMEOUT: Final = httpx2.Timeout(120, connect=10)
_PAGE: Final = 500


def http_client(base_url: str, transport: httpx2.AsyncBaseTransport | None) -> httpx2.AsyncClient:
    """Return a client that follows no redirect, so that nothing is sent anywhere else."""
    host = httpx2.URL(base_url).host
    return httpx2.AsyncClient(
        base_url=base_url,
        transport=transport,
        timeout=_TIMEOUT,
        follow_redirects=False,
        headers={"User-Agent": user_agent(platform.node())},
        # A proxy has no business between us and a server on this machine.
        trust_env=host not in {"127.0.0.1", "::1", "localhost"},
    )


def user_agent(machine: str) -> str:
    """Return what we call ourselves: whoever is asked to let us in reads from which machine."""
    plain = "".join(one for one in machine if one.isascii() and (one.isalnum() or one in "-._"))
    return f"penstock ({plain[:60]})" if plain else "penstock"


class Client:
    """Asks the API. Every refusal raises Failed, with the words and the remedy of the answer."""

    def __init__(self, http: httpx2.AsyncClient, access: Access) -> None:
        self.http = http
        self.access = access

    async def get(self, path: str, parameters: Parameters | None = None) -> dict[str, Any]:
        """Return what GET answers."""
        return read_object(await self.ask("GET", path, parameters=parameters))

    async def post(self, path: str, body: object = None) -> httpx2.Response:
        """POST once, whatever happens on the way: the request carries an Idempotency-Key."""
        return await self.ask("POST", path, body=body, key=uuid.uuid4().hex)

    async def send(self, path: str, content: bytes, parameters: Parameters) -> httpx2.Response:
        """POST a file, as it is, once."""
        return await self.ask(
            "POST", path, parameters=parameters, body=content, key=uuid.uuid4().hex
        )

    async def pages(
        self, path: str, parameters: Parameters | None = None, *, limit: int | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield a list's rows, page by page, `limit` at the most."""
        asked: dict[str, Any] = {**(parameters or {})}
        left = limit
        while left is None or left > 0:
            asked["limit"] = _PAGE if left is None else min(left, _PAGE)
            page = await self.get(path, asked)
            for row in page["rows"]:
                yield row
            if left is not None:
                left -= len(page["rows"])
            if not page.get("next_cursor"):
                return
            asked["cursor"] = page["next_cursor"]

    async def ask(
        self,
        method: str,
        path: str,
        *,
        parameters: Parameters | None = None,
        body: object = None,
        key: str = "",
    ) -> httpx2.Response:
        """Send a request with the token, and once more where a new one or a new proof helps."""
        request = self._request(method, path, parameters, body, key)
        response = await self._sent(request, await self.access.token())
        mended: set[str] = set()
        while (way := _way_out(response)) and way not in mended:
            mended.add(way)
            request = self._request(method, path, parameters, body, key)
            response = await self._sent(request, await self._mended(response, way))
        if not response.is_success:
            raise failed_by_answer(response)
        return response

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str, parameters: Parameters
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open an answer of any size, and yield its bytes as they come."""
        with unreachable_as_failed(self.access.address):
            request = self._request("GET", path, parameters, None, "")
            response = await self._open(request, await self.access.token())
            mended: set[str] = set()
            while (way := _way_out(response)) and way not in mended:
                mended.add(way)
                token = await self._mended(response, way)
                request = self._request("GET", path, parameters, None, "")
                response = await self._open(request, token)
            try:
                if not response.is_success:
                    await response.aread()
                    raise failed_by_answer(response)
                yield response.aiter_bytes()
            finally:
                await response.aclose()

    def _request(
        self, method: str, path: str, parameters: Parameters | None, body: object, key: str
    ) -> httpx2.Request:
        given = {name: one for name, one in (parameters or {}).items() if one is not None}
        headers = {"Idempotency-Key": key} if key else {}
        if isinstance(body, bytes):
            headers["Content-Type"] = "application/octet-stream"
            return self.http.build_request(
                method, path, params=given, content=body, headers=headers
            )
        return self.http.build_request(method, path, params=given, json=body, headers=headers)

    async def _sent(self, request: httpx2.Request, token: str) -> httpx2.Response:
        with unreachable_as_failed(self.access.address):
            response = await self._open(request, token)
            await response.aread()
            return response

    async def _open(self, request: httpx2.Request, token: str) -> httpx2.Response:
        self.access.authorize(request, token)
        return await self.http.send(request, stream=True)

    async def _mended(self, response: httpx2.Response, way: str) -> str:
        """Return a token that may be taken where this answer's was refused. Raises Failed."""
        await response.aread()
        await response.aclose()
        refused: str = response.request.headers["Authorization"].partition(" ")[2]
        if self.access.wants_nonce(response):
            return refused
        if way == "prove":
            await prove(partial(self._prove, refused))
            return refused
        return await self.access.renewed(refused)

    async def _prove(self, token: str, body: Mapping[str, str]) -> httpx2.Response:
        """Send what proves who one is; once more where a nonce is asked for."""
        request = self._request("POST", "/v1/me/prove", None, body, "")
        response = await self._sent(request, token)
        if self.access.wants_nonce(response):
            request = self._request("POST", "/v1/me/prove", None, body, "")
            response = await self._sent(request, token)
        return response


def _way_out(response: httpx2.Response) -> str:
    """Return what may help where an answer refuses the token."""
    if response.status_code != httpx2.codes.UNAUTHORIZED:
        return ""
    if asks_for_proof(response):
        return "prove"
    return "nonce" if "dpop-nonce" in response.headers else "renew"
