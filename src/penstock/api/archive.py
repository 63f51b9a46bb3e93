"""A zip archive that is sent while it is written: nothing of it is kept back."""

import zipfile
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Final

_OWN_EYES_ONLY: Final = 0o600 << 16


async def zipped(
    files: Mapping[str, AsyncIterator[bytes]], *, made_at: datetime
) -> AsyncIterator[bytes]:
    """Yield the archive of these files. Their sizes follow them, so that none must be known."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, chunks in files.items():
            member = zipfile.ZipInfo(name, made_at.timetuple()[:6])
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = _OWN_EYES_ONLY
            with archive.open(member, "w", force_zip64=True) as file:
                async for chunk in chunks:
                    file.write(chunk)
                    yield sink.take()
    yield sink.take()


class _Sink:
    """Takes what the archive writes, until somebody takes it away."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, part: bytes) -> int:
        """Take a part."""
        self._parts.append(bytes(part))
        return len(part)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """There is nothing to close."""

    def take(self) -> bytes:
        """Return what was written since the last time."""
        whole = b"".join(self._parts)
        self._parts.clear()
        return whole
