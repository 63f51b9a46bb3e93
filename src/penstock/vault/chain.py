"""A chain of records under a secret key: none can be changed, taken out or added without it.

Each record's MAC covers the MAC before it, so all that came before is held by the last one. A part
is written with its length before it, so that no two records have the same bytes; what is absent is
told apart from what is empty.
"""

import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

BEGINNING: Final = ""
"""What stands for the MAC before the first record."""
_ABSENT: Final = b"\xff\xff\xff\xff"

Part = str | int | None


def derived(key: bytes, purpose: str) -> bytes:
    """Return a key for one purpose, from which no other purpose's follows."""
    return hmac.new(key, f"penstock {purpose} v1".encode(), sha256).digest()


def link(key: bytes, previous: str, parts: Sequence[Part]) -> str:
    """Return the MAC of a record, in hex. `previous` is that of the record before it."""
    return hmac.new(key, _written((previous, *parts)), sha256).hexdigest()


def same(left: str, right: str) -> bool:
    """Say whether two MACs are the same, without telling by the time it takes where they differ."""
    return hmac.compare_digest(left.encode(), right.encode())


def _written(parts: Sequence[Part]) -> bytes:
    return b"".join(map(_part, parts))


def _part(part: Part) -> bytes:
    if part is None:
        return _ABSENT
    raw = str(part).encode("utf-8", "surrogatepass")
    return len(raw).to_bytes(4, "big") + raw
