"""Changes of names: what a ticker or an ISIN means, told on a day, where some were given up."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from penstock.domain.instrument import at_home
from penstock.domain.telling import cusip_within


@dataclass(frozen=True, slots=True)
class Renaming:
    """From `day` on, a security goes by other names; what did not change is None on both sides."""

    day: date
    old_listing: str | None = None
    new_listing: str | None = None
    old_isin: str | None = None
    new_isin: str | None = None


class Names:
    """What names mean, given the changes of names that are known.

    A ticker that was given up on a day is another name for whoever is told by it later.
    """

    def __init__(self, renamings: Iterable[Renaming]) -> None:
        known = sorted(renamings, key=lambda one: (one.day, repr(one)))
        self._given_up: dict[str, list[date]] = {}
        self._same: dict[str, str] = {}
        moved = [(one.day, *_at_home(one)) for one in known]
        for day, old, new in moved:
            if old and old != new:
                self._given_up.setdefault(old, []).append(day)
        for one in known:
            if one.old_isin and one.new_isin:
                self._unite(one.old_isin, one.new_isin)
                old, new = cusip_within(one.old_isin), cusip_within(one.new_isin)
                if old and new:
                    self._unite(old, new)
        for day, old, new in moved:
            if old and new and old != new:
                self._unite(self._in_time(old, day, before=True), self._in_time(new, day))

    def isin(self, isin: str) -> str:
        """Return one ISIN for all that a security ever had."""
        return self._root(isin)

    def cusip(self, cusip: str) -> str:
        """Return one CUSIP for all that a security ever had."""
        return self._root(cusip)

    def listing(self, listing: str, day: date) -> str:
        """Return one name for a listing, and those that it became, as told on a day.

        The exchanges of the United States are one: a ticker is that of one thing on all of them.
        """
        return self._root(self._in_time(at_home(listing), day))

    def _in_time(self, listing: str, day: date, *, before: bool = False) -> str:
        days = self._given_up.get(listing, ())
        past = sum(one < day if before else one <= day for one in days)
        return f"{listing}#{past}" if past else listing

    def _root(self, name: str) -> str:
        while name in self._same:
            name = self._same[name]
        return name

    def _unite(self, one: str, other: str) -> None:
        low, high = sorted((self._root(one), self._root(other)))
        if low != high:
            self._same[high] = low


def _at_home(one: Renaming) -> tuple[str | None, str | None]:
    old, new = one.old_listing, one.new_listing
    return old and at_home(old), new and at_home(new)
