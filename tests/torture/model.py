"""What must be stored, in plain Python: things at the bank, and what we were told of them.

A thing is one purchase, however often its id, its state or its amount changes. It has one row with
us, the same one for ever, until the run that brought it is undone.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final, NamedTuple

from penstock.db.sweeping import FEW
from penstock.domain.transaction import TransactionSeen

NEVER: Final = date.max


class Told(NamedTuple):
    """What the bank said of a thing when it was last heard."""

    account: str
    external_id: str
    status: str
    day: date
    amount: str
    words: str
    gone: bool


@dataclass(frozen=True, slots=True)
class Said:
    """What the person said of a thing."""

    note: str | None = None
    category: str | None = None
    hidden: bool = False
    deleted: bool = False


@dataclass(slots=True)
class Thing:
    """A thing: as the bank has it now, and (once we heard of it) what must be stored of it.

    `missed`: it went, and the cursor that we read on from is younger than that.
    """

    now: Told
    told: Told | None = None
    said: Said = field(default_factory=Said)
    row_id: int | None = None
    touched: bool = False
    missed: bool = False

    @property
    def must_be_stored(self) -> tuple[Told, Said] | None:
        """What its row must say."""
        return None if self.told is None else (self.told, self.said)


@dataclass(slots=True)
class Undoable:
    """What the latest run that wrote did: each thing as it was before, and the run.

    `afresh`: it had no cursor to read on from.
    """

    run_id: int
    before: dict[int, Told | None]
    afresh: bool


@dataclass(slots=True)
class Model:
    """All things, and the run that can be undone."""

    things: list[Thing] = field(default_factory=list)
    undoable: Undoable | None = None
    afresh: bool = True

    def appear(self, row: TransactionSeen) -> None:
        """A thing is new at the bank."""
        self.things.append(Thing(seen(row)))

    def sync(self, run_id: int) -> int:
        """We hear everything; return how many rows that writes."""
        if self.afresh:
            self._miss_what_is_not_covered()
        before: dict[int, Told | None] = {}
        for number, thing in enumerate(self.things):
            heard = _heard(thing)
            if heard != thing.told:
                before[number] = thing.told
                thing.told = heard
        if before:
            self.undoable = Undoable(run_id, before, self.afresh)
            for thing in self.things:
                thing.touched = False
        self.afresh = False
        return len(before)

    def _miss_what_is_not_covered(self) -> None:
        """Read without a cursor: what went is only seen where the bank tells of those days."""
        firsts: dict[str, date] = {}
        for now in (thing.now for thing in self.things):
            if not now.gone:
                firsts[now.account] = min(now.day, firsts.get(now.account, now.day))
        missing: dict[str, list[Thing]] = defaultdict(list)
        for thing in self.things:
            told = thing.told
            thing.missed = thing.now.gone
            if (
                thing.missed
                and told
                and not told.gone
                and told.day >= firsts.get(told.account, NEVER)
            ):
                missing[told.account].append(thing)
        for things in missing.values():
            for thing in things if len(things) < FEW else ():
                thing.missed = False

    def say(self, thing: Thing, **words: object) -> None:
        """The person says something."""
        said = replace(thing.said, **words)  # type: ignore[arg-type]  # the rules name its fields
        thing.touched = thing.touched or said != thing.said
        thing.said = said

    @property
    def may_be_undone(self) -> bool:
        """Whether there is a run to undo."""
        return self.undoable is not None

    def undo(self) -> tuple[int, int, int]:
        """Take back the latest run; return how many rows are restored, deleted and kept."""
        restored = deleted = kept = 0
        undone, self.undoable = self.undoable, None
        for number, before in undone.before.items() if undone else ():
            thing = self.things[number]
            if thing.touched:
                kept += 1
            elif before is None:
                thing.told, thing.row_id, thing.said = None, None, Said()
                deleted += 1
            else:
                thing.told = before
                restored += 1
        self.afresh = kept > 0 or (undone is not None and undone.afresh)
        return restored, deleted, kept


def seen(row: TransactionSeen) -> Told:
    """Return what the bank says of a row that is there."""
    return Told(
        account=row.account,
        external_id=row.external_id,
        status=row.status.value,
        day=_day_of(row),
        amount=f"{row.amount:f}",
        words=row.description,
        gone=False,
    )


def _day_of(row: TransactionSeen) -> date:
    day = row.booked_on or row.authorized_on
    if day is None:
        raise AssertionError("this bank dates every row")
    return day


def _heard(thing: Thing) -> Told | None:
    """Return what is stored of a thing once we are up to date: of what is gone, that it went."""
    if not thing.now.gone:
        return thing.now
    if thing.told is None or thing.missed:
        return thing.told
    return thing.told._replace(gone=True)
