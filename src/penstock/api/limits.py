"""How much of a body we read: it is counted as it comes, whatever Content-Length says."""

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.api.errors import BodyTooLarge, problem_of

MOST_BYTES: Final = 256 * 1024


class BodyLimit:
    """Middleware that answers 413 to a body of more than `most` bytes."""

    def __init__(self, app: ASGIApp, most: int = MOST_BYTES) -> None:
        self.app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > self._most:
            await problem_of(self._too_large())(scope, receive, send)
            return
        read = 0

        async def count() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most:
                raise self._too_large()
            return message

        await self.app(scope, count, send)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"A body has at most {self._most // 1024} KiB here.")
