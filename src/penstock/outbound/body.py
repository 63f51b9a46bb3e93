"""A body, read to its proved end and within its bound.

aiohttp could decompress by itself, but takes a compressed body that was cut short for a shorter
one; half a page must never pass for a page.
"""

import zlib
from collections.abc import Mapping
from typing import Final

import aiohttp

from penstock.domain.errors import TransportFailure
from penstock.domain.remedy import fix_code, wait

ENCODINGS: Final = "gzip"
"""What we say in `Accept-Encoding`."""

_FRAMED: Final = frozenset(["content-length", "transfer-encoding"])
_PACKED: Final = frozenset(["gzip", "x-gzip"])
_GZIP: Final = zlib.MAX_WBITS | 16


async def read_body(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """Return the whole body, decompressed.

    Raises TransportFailure where it is longer than `most` bytes, ends too early inside its
    compression, or is encoded in a way that nobody asked for.
    """
    host = answer.url.host
    body = _Body(answer.headers.get("Content-Encoding", ""), most)
    try:
        async for chunk in answer.content.iter_any():
            body.feed(chunk)
        return body.end()
    except _TooLong:
        raise TransportFailure(
            f"{host} sent more than {most} bytes.",
            remedy=fix_code("Ask for less at a time, or raise the limit."),
        ) from None
    except (zlib.error, EOFError) as error:
        raise TransportFailure(
            f"{host} cut its answer short, or encoded it wrongly.",
            remedy=wait("It is tried again by itself."),
        ) from error


def has_end(headers: Mapping[str, str]) -> bool:
    """Say whether a body has an end that is checked, so that none passes that was cut short."""
    packed = headers.get("content-encoding", "").strip().lower() in _PACKED
    return packed or not _FRAMED.isdisjoint(headers)


class _TooLong(Exception):
    """The body is longer than its bound."""


class _Body:
    """Collects a body's chunks; opens them where they are compressed (RFC 1952)."""

    def __init__(self, encoding: str, most: int) -> None:
        self._encoding = encoding.strip().lower()
        self._inflater: zlib._Decompress | None = None
        self._parts: list[bytes] = []
        self._room = most

    def feed(self, chunk: bytes) -> None:
        """Take the next chunk."""
        if self._encoding in {"", "identity"}:
            self._take(chunk)
        elif self._encoding in _PACKED:
            self._inflate(chunk)
        elif chunk:
            raise zlib.error("an encoding that nobody asked for")

    def end(self) -> bytes:
        """Return the whole; EOFError where the compressed one has not come to its end."""
        if self._inflater is not None and not self._inflater.eof:
            raise EOFError
        return b"".join(self._parts)

    def _inflate(self, chunk: bytes) -> None:
        while chunk:
            if self._inflater is None or self._inflater.eof:  # Members may follow one another.
                self._inflater = zlib.decompressobj(_GZIP)
            # One byte more than there is room for tells that it is too long, and bounds the work.
            self._take(self._inflater.decompress(chunk, self._room + 1))
            chunk = self._inflater.unused_data

    def _take(self, part: bytes) -> None:
        self._room -= len(part)
        if self._room < 0:
            raise _TooLong
        self._parts.append(part)
