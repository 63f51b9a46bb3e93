"""Changes of names: what a ticker or an ISIN means, told on a day, where some were given up."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

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
        for one in known:
            if one.old_listing and one.old_listing != one.new_listing:
                self._given_up.setdefault(one.old_listing, []).append(one.day)
        for one in known:
            if one.old_isin and one.new_isin:
                self._unite(one.old_isin, one.new_isin)
                old, new = cusip_within(one.old_isin), cusip_within(one.new_isin)
                if old and new:
                    self._unite(old, new)
            if one.old_listing and one.new_listing and one.old_listing != one.new_listing:
                old_name = self._in_time(one.old_listing, one.day, before=True)
                self._unite(old_name, self._in_time(one.new_listing, one.day))

    def isin(self, isin: str) -> str:
        """Return one ISIN for all that a security ever had."""
        return self._root(isin)

    def cusip(self, cusip: str) -> str:
        """Return one CUSIP for all that a security ever had."""
        return self._root(cusip)

    def listing(self, listing: str, day: date) -> str:
        """Return one name for a listing, and those that it became, as told on a day."""
        return self._root(self._in_time(listing, day))

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
