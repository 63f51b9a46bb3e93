"""Whether all places of an answer that state a symbol's price state the same one."""

from collections.abc import Iterable

from penstock.domain.quote import AmbiguousNumber
from penstock.quotes.found import Found


def agreed(found: Iterable[Found]) -> Found | None:
    """Return what is found first, if no other place about the same says another price.

    A page that states two prices for a symbol has one too many, and nobody can tell which: it
    raises AmbiguousNumber. Places that say to be about another symbol do not count.
    """
    first: Found | None = None
    for one in found:
        if first is None:
            first = one
        elif one.symbol == first.symbol and not _same(one, first):
            raise AmbiguousNumber(
                f"The page has two prices where one should be: {first.price!r} and {one.price!r}."
            )
    return first


def _same(one: Found, other: Found) -> bool:
    return (one.price.strip(), one.currency) == (other.price.strip(), other.currency)
