"""Visits of people to the bank that a program has arranged: they come, decide, and are sent back.

For protocols in which the program first tells the bank of the visit: a consent object, a link
token, an authorization that has a name. What a decision means is the face's own.
"""

from collections.abc import Callable
from dataclasses import dataclass

from penstock.domain.errors import NotFound
from penstock.sandbox.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Visit:
    """What a person is asked, and where they are sent with their decision.

    `allow` is told who they are and how the bank is to behave; it returns the address to go to.
    """

    program: str
    scope: str
    allow: Callable[[str, Scenario], str]
    deny: Callable[[], str]


class Visits:
    """The visits that are expected, each for one decision."""

    def __init__(self, mint: Callable[[], str]) -> None:
        self._mint = mint
        self._expected: dict[str, Visit] = {}

    def expect(self, visit: Visit) -> str:
        """Return the name under which the person is expected."""
        name = self._mint()
        self._expected[name] = visit
        return name

    def get(self, name: str) -> Visit:
        """Return a visit that is expected. Raises NotFound."""
        visit = self._expected.get(name)
        if visit is None:
            raise NotFound("Nobody is expected here, or they have been here already.")
        return visit

    def end(self, name: str) -> None:
        """Expect nobody any more under this name."""
        self._expected.pop(name, None)
