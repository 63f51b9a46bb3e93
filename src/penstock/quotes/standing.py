"""Every source that an installation knows, and how each stands: in use, switched off, broken."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from penstock.domain.errors import InvalidInput
from penstock.domain.option import variable
from penstock.domain.remedy import fix_code
from penstock.quotes.catalogue import all_sources
from penstock.quotes.declaration import Declaration
from penstock.quotes.fault import Fault
from penstock.quotes.own import OwnSource, proven, read_folder
from penstock.quotes.own_terms import Terms

_SHOWN: Final = 5


class Standing(StrEnum):
    """How a source stands."""

    IN_USE = "in_use"
    NEEDS_KEY = "needs_key"
    SWITCHED_OFF = "switched_off"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Known:
    """A source, and how it stands; `declared` is None where its file could not be read.

    `missing` are the variables to be set before it can be used: its key.
    """

    id: str
    declared: Declaration | None
    standing: Standing
    own: bool = False
    faults: tuple[Fault, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def why(self) -> str:
        """What is wrong with it, in one line."""
        return "; ".join(map(str, self.faults))


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources that come with Penstock and a person's own, and which of them are named.

    `given` are the options that are set, such as `finnhub_key`.
    Own ones that are named are proven when this is made; the others when somebody looks.
    """

    named: tuple[str, ...] = ()
    given: frozenset[str] = frozenset()
    own: Mapping[str, OwnSource] = field(default_factory=dict)

    @property
    def used(self) -> tuple[Declaration, ...]:
        """Those to ask, in the order in which they are named."""
        sound = self._sound
        named = (sound[name] for name in self.named if name in sound)
        return tuple(one for one in named if not self.missing(one))

    @property
    def disabled(self) -> tuple[Declaration, ...]:
        """Those that somebody could switch on."""
        return tuple(one for name, one in self._sound.items() if name not in self.named)

    def all(self) -> list[Known]:
        """Return every source, those in use first, own ones proven whether they are in use or not.

        Reads the recorded answers of those that are not.
        """
        known = [self._known(one) for one in all_sources()]
        known += [self._own(proven(one)) for one in self.own.values()]
        order = {name: place for place, name in enumerate(self.named)}
        return sorted(known, key=lambda one: order.get(one.id, len(order)))

    def broken(self) -> list[Known]:
        """Return the own sources that are named, and cannot be used."""
        return [self._own(one) for name in self.named if (one := self._unsound(name))]

    def check(self, name: str) -> None:
        """Raise InvalidInput if there is a source of this name that cannot be used, and say why."""
        one = self._unsound(name)
        if one is not None:
            raise InvalidInput(
                f"The source {name} is not used: {self._own(one).why}",
                remedy=fix_code("Mend its file, and look with `penstock sources check FILE`."),
            )

    def _unsound(self, name: str) -> OwnSource | None:
        one = self.own.get(name)
        return None if one is None or one.is_sound else one

    def missing(self, declared: Declaration) -> tuple[str, ...]:
        """Return the variables without which a source cannot be asked."""
        wanted = (f"{declared.id}_{one.name}" for one in declared.options if one.required)
        return tuple(variable(name) for name in wanted if name not in self.given)

    @property
    def _sound(self) -> Mapping[str, Declaration]:
        own = {name: one.declared for name, one in self.own.items() if one.is_sound}
        shipped = {one.id: one for one in all_sources()}
        return {**shipped, **{name: one for name, one in own.items() if one}}

    def _known(self, declared: Declaration, *, own: bool = False) -> Known:
        missing = self.missing(declared)
        if declared.id not in self.named:
            standing = Standing.SWITCHED_OFF
        else:
            standing = Standing.NEEDS_KEY if missing else Standing.IN_USE
        return Known(declared.id, declared, standing, own=own, missing=missing)

    def _own(self, one: OwnSource) -> Known:
        if one.declared is not None and one.is_sound:
            return self._known(one.declared, own=True)
        return Known(one.id, one.declared, Standing.BROKEN, own=True, faults=one.faults)


def shipped_ids() -> frozenset[str]:
    """Return the ids that a source of one's own may not take."""
    return frozenset(one.id for one in all_sources())


def sources_in(
    folder: Path, named: Sequence[str], terms: Terms, given: Collection[str] = ()
) -> Sources:
    """Read the sources of an installation: those named are used, own ones if they prove sound.

    `given` are the options that are set: a source that wants a key is used once it has it.

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
    return Sources(tuple(dict.fromkeys(named)), frozenset(given), own)


def covers(declared: Declaration) -> list[str]:
    """Return what a source has prices of, in words: `listings of XPAR`, `pairs to EUR`."""
    only = declared.covers
    said = {
        "listing": _narrowed("listings", of=(*only.mics, *only.countries)),
        "pair": _narrowed("pairs", of=only.bases, to=only.quotes),
        "coin": _narrowed("coins", of=only.bases, to=only.quotes),
        "isin": _narrowed("ISINs", of=only.isins),
    }
    return [said[kind] for kind in declared.ask.kinds]


def _narrowed(what: str, **only: Sequence[str]) -> str:
    parts = (f"{word} {_few(codes)}" for word, codes in only.items() if codes)
    return " ".join([what, *parts])


def _few(codes: Sequence[str]) -> str:
    more = [f"{len(codes) - _SHOWN} others"] if len(codes) > _SHOWN + 1 else []
    return ", ".join([*codes[: _SHOWN if more else None], *more])
