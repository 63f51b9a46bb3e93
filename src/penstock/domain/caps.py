"""How many syncs of a provider may be under way at the same time, in all processes together."""

from collections.abc import Iterable, Mapping
from typing import Final

from penstock.domain.errors import InvalidInput

MOST: Final = 1_000


def read_caps(words: Iterable[str]) -> Mapping[str, int]:
    """Read caps written as `sandbox=8`. Raises InvalidInput for one that cannot be meant."""
    caps: dict[str, int] = {}
    for word in words:
        name, separator, number = (part.strip() for part in word.partition("="))
        whole = number.isascii() and number.isdigit() and len(number) <= len(str(MOST))
        if not (name and separator and whole and 1 <= int(number) <= MOST):
            raise InvalidInput(f"{word!r} is no cap: write PROVIDER=NUMBER, from 1 to {MOST}.")
        if name in caps:
            raise InvalidInput(f"{name} has two caps: which one holds?")
        caps[name] = int(number)
    return caps
