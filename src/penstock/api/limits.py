"""How much of a body we read: it is counted as it comes, whatever Content-Length says."""

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.api.errors import BodyTooLarge, problem_of

MOST_BYTES: Final = 256 * 1024
FILES: Final = "/v1/imports"
MOST_OF_A_FILE: Final = 32 * 1024 * 1024
"""How large a file may be that is imported: nobody else may send so much."""
PRICES: Final = "/v1/own-prices/import"
MOST_OF_PRICES: Final = 4 * 1024 * 1024


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
        most = self._most_of(scope["path"])
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > most:
            await problem_of(_too_large(most))(scope, receive, send)
            return
        read = 0

        async def count() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                raise _too_large(most)
            return message

        await self.app(scope, count, send)

    def _most_of(self, path: str) -> int:
        if path == PRICES:
            return MOST_OF_PRICES
        return MOST_OF_A_FILE if path in (FILES, f"{FILES}/preview") else self._most


def _too_large(most: int) -> BodyTooLarge:
    return BodyTooLarge(f"A body has at most {most // 1024} KiB here.")
