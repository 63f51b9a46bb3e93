"""An answer that is taken apart once, for all the symbols that it is about."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from penstock.domain.request import Response

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser

_Made = TypeVar("_Made")


class Document:
    """The body of an answer, and what was made of it so far.

    `tree` is the page as a tree. `once(key, make)` is for anything else that takes a look at the
    whole body: rows of a table, a decoded JSON by symbol. `make` gets the body, and is called
    once; what it raises is raised again for each symbol.
    """

    __slots__ = ("_made", "body")

    def __init__(self, response: Response) -> None:
        self.body = response.body
        self._made: dict[object, tuple[object, Exception | None]] = {}

    @property
    def tree(self) -> "LexborHTMLParser":
        """The body as a tree of elements."""
        return self.once("tree", _parsed)

    def once(self, key: object, make: Callable[[bytes], _Made]) -> _Made:
        """Return what `make` makes of the body."""
        if key not in self._made:
            try:
                self._made[key] = make(self.body), None
            except Exception as broken:  # noqa: BLE001 - raised again below, and each time
                self._made[key] = None, broken
        made, error = self._made[key]
        if error is not None:
            raise error
        return made  # type: ignore[return-value]  # what is under this key is what it made


def _parsed(body: bytes) -> "LexborHTMLParser":
    from selectolax.lexbor import LexborHTMLParser  # noqa: PLC0415 - most prices need no tree

    return LexborHTMLParser(body.decode("utf-8", "replace"))
