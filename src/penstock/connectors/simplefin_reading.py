"""One reading of SimpleFIN: its windows put together, and what it tells in full."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from penstock.connectors.simplefin_set import Account, AccountSet
from penstock.connectors.simplefin_windows import AHEAD, LONGEST, OVERLAP, Mark, Window, write_mark
from penstock.domain.balance import BalanceSeen
from penstock.domain.update import Balances, Covered, Page


@dataclass(slots=True)
class Reading:
    """What was heard of the `accounts` since `mark`.

    `rows` and `windows` are counted, `raw_ids_of_new` is what the bridge calls the accounts that
    are read for the first time.
    """

    accounts: Sequence[str]
    mark: Mark | None
    today: date
    rows: int = 0
    windows: int = 0
    raw_ids_of_new: tuple[str, ...] = ()
    _balances: tuple[BalanceSeen, ...] = ()
    _said: list[str] = field(default_factory=list)
    _covered: list[Covered] = field(default_factory=list)
    _last: Page | None = None

    @property
    def new(self) -> bool:
        """Whether there are accounts that are read for the first time."""
        known = set() if self.mark is None else set(self.mark.accounts)
        return not known.issuperset(self.accounts)

    def hear(self, told: AccountSet, window: Window) -> Iterator[Page]:
        """Take an answer; yield the page before it, which is not the last.

        An account that was linked at the bridge a moment ago is left for the next reading.
        """
        ours = [one for one in told.accounts if one.seen.external_id in self.accounts]
        if self.windows == 0:
            self._balances = tuple(stated for one in ours for stated in one.balances)
            self.raw_ids_of_new = tuple(one.raw_id for one in ours if self._is_new(one))
        self.windows += 1
        self._said += told.said
        last = window.end - timedelta(days=1)
        self._covered += [Covered(one.seen.external_id, window.start, last) for one in ours]
        page = Page(
            upserts=[row for one in ours for row in one.rows],
            removed=(),
            next_cursor=None,
            more=True,
            unmapped=[each for one in ours for each in one.unmapped],
        )
        self.rows += len(page.upserts) + len(page.unmapped)
        if self._last is not None:
            yield self._last
        self._last = page

    def end(self) -> Iterator[Page | Balances]:
        """Yield the balances and the last page, with what all of it means."""
        yield Balances(self._balances)
        last = self._last or Page((), (), None, more=False)
        yield Page(
            upserts=last.upserts,
            removed=(),
            next_cursor=write_mark(self._read_to(), self.accounts),
            more=False,
            unmapped=last.unmapped,
            covered=() if self._said else self._covered,
            said=tuple(dict.fromkeys(self._said)),
        )

    def _is_new(self, one: Account) -> bool:
        return self.mark is None or one.seen.external_id not in self.mark.accounts

    def _read_to(self) -> date:
        """Return until when all is read: where something was amiss, only until the last time."""
        if not self._said:
            return self.today
        return self.mark.read_to if self.mark else self.today + AHEAD - LONGEST + OVERLAP
