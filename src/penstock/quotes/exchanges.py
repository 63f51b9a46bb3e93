"""The exchanges that we know, by MIC and by all that others call them (exchanges.toml)."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from penstock.domain.instrument import AMERICAN


class Exchange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An exchange. `currency` is what most of its shares trade in: a hint, never a price's own.

    `google` and `suffix` (what Yahoo puts behind a ticker; empty in America) are None where they
    have no name for it. `zone` is the time zone that its days are in.
    """

    name: str
    country: str
    currency: str
    zone: str
    google: str | None = None
    suffix: str | None = None

    @property
    def words(self) -> Mapping[str, str]:
        """What a declaration's templates may say of it."""
        suffix = f".{self.suffix}" if self.suffix else "" if self.country == AMERICAN else None
        words = {"country": self.country, "exchange": self.google, "suffix": suffix}
        return {name: word for name, word in words.items() if word is not None}


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    home: tuple[str, ...]
    exchanges: dict[str, Exchange]
    aliases: dict[str, str]


def home() -> tuple[str, ...]:
    """Return the MICs among which an American ticker is unique, the likeliest first."""
    return _table().home


def exchange_of(mic: str) -> Exchange | None:
    """Return what we know of an exchange, by its MIC."""
    return _table().exchanges.get(mic)


def mic_of(name: str) -> str | None:
    """Return the MIC of what somebody calls an exchange (NASDAQ, ETR, XETRA, XETR), or US."""
    return _by_name().get(name)


def mic_of_suffix(suffix: str) -> str | None:
    """Return the MIC that stands for a ticker's suffix: XETR for the DE of SAP.DE."""
    return _by_suffix().get(suffix)


@cache
def _table() -> _Table:
    text = files("penstock.quotes").joinpath("exchanges.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), _Table)


@cache
def _by_name() -> Mapping[str, str]:
    table = _table()
    google = {one.google: mic for mic, one in table.exchanges.items() if one.google}
    return {mic: mic for mic in table.exchanges} | table.aliases | google | {AMERICAN: AMERICAN}


@cache
def _by_suffix() -> Mapping[str, str]:
    suffixes: Final = {one.suffix: mic for mic, one in _table().exchanges.items() if one.suffix}
    return suffixes | {AMERICAN: AMERICAN}
