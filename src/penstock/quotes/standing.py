"""Every source that an installation knows, and how each stands: in use, switched off, broken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from penstock.domain.errors import InvalidInput
from penstock.domain.remedy import fix_code
from penstock.quotes.catalogue import all_sources
from penstock.quotes.declaration import Declaration
from penstock.quotes.fault import Fault
from penstock.quotes.own import OwnSource, proven, read_folder
from penstock.quotes.own_terms import Terms


class Standing(StrEnum):
    """How a source stands."""

    IN_USE = "in_use"
    SWITCHED_OFF = "switched_off"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Known:
    """A source, and how it stands; `declared` is None where its file could not be read."""

    id: str
    declared: Declaration | None
    standing: Standing
    own: bool = False
    faults: tuple[Fault, ...] = ()

    @property
    def why(self) -> str:
        """What is wrong with it, in one line."""
        return "; ".join(map(str, self.faults))


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources that come with Penstock and a person's own, and which of them are named.

    Own ones that are named are proven when this is made; the others when somebody looks.
    """

    named: tuple[str, ...] = ()
    own: Mapping[str, OwnSource] = field(default_factory=dict)

    @property
    def used(self) -> tuple[Declaration, ...]:
        """Those to ask, in the order in which they are named."""
        sound = self._sound
        return tuple(sound[name] for name in self.named if name in sound)

    @property
    def disabled(self) -> tuple[Declaration, ...]:
        """Those that somebody could switch on."""
        return tuple(one for name, one in self._sound.items() if name not in self.named)

    def all(self) -> list[Known]:
        """Return every source, those in use first, own ones proven whether they are in use or not.

        Reads the recorded answers of those that are not.
        """
        known = [self._standing(one.id, one) for one in all_sources()]
        known += [self._own(proven(one)) for one in self.own.values()]
        order = {name: place for place, name in enumerate(self.named)}
        return sorted(known, key=lambda one: order.get(one.id, len(order)))

    def broken(self) -> list[Known]:
        """Return the own sources that are named, and of no use."""
        return [self._own(self.own[name]) for name in self.named if not self._is_sound(name)]

    @property
    def _sound(self) -> Mapping[str, Declaration]:
        own = {name: one.declared for name, one in self.own.items() if one.is_sound}
        shipped = {one.id: one for one in all_sources()}
        return {**shipped, **{name: one for name, one in own.items() if one}}

    def _is_sound(self, name: str) -> bool:
        return name not in self.own or self.own[name].is_sound

    def _standing(self, name: str, declared: Declaration) -> Known:
        used = name in self.named
        return Known(name, declared, Standing.IN_USE if used else Standing.SWITCHED_OFF)

    def _own(self, one: OwnSource) -> Known:
        if one.is_sound:
            standing = Standing.IN_USE if one.id in self.named else Standing.SWITCHED_OFF
        else:
            standing = Standing.BROKEN
        return Known(one.id, one.declared, standing, own=True, faults=one.faults)


def shipped_ids() -> frozenset[str]:
    """Return the ids that a source of one's own may not take."""
    return frozenset(one.id for one in all_sources())


def sources_in(folder: Path, named: Sequence[str], terms: Terms) -> Sources:
    """Read the sources of an installation: those named are used, own ones if they prove sound.

    Raises InvalidInput for a name that no source has.
    """
    # A file that takes the id of one of ours stands beside it under its own name, and is not used.
    found = (
        replace(one, id=one.path.name) if one.id in terms.taken else one
        for one in read_folder(folder, terms)
    )
    own = {one.id: one for one in found}
    for name in named:
        if name not in terms.taken and name not in own:
            raise InvalidInput(
                f"There is no quote source {name!r}.",
                remedy=fix_code(f"Choose from {', '.join(sorted({*terms.taken, *own}))}."),
            )
    own |= {name: proven(one) for name, one in own.items() if name in named}
    return Sources(tuple(dict.fromkeys(named)), own)


def covers(declared: Declaration) -> list[str]:
    """Return what a source has prices of, in words."""
    ask = declared.ask
    said = {"listings": ask.listing, "pairs": ask.pair, "coins": ask.coin, "isins": ask.isin}
    return [word for word, address in said.items() if address]
