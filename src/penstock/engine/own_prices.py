"""Prices that a person sets: of what nobody quotes, or where they know better.

The days of their worth from such a price on are worked out again.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import sqlalchemy as sa

from penstock.db import feeds, net_worth, own_prices, rates, securities, worth_reads
from penstock.db.own_prices import OwnPrice
from penstock.db.securities import Security
from penstock.domain import price_file
from penstock.domain.currency_codes import KNOWN
from penstock.domain.errors import InvalidInput, NotFound
from penstock.domain.holding import SecurityType, canonical_price
from penstock.domain.ids import public_id
from penstock.domain.price_file import PriceLine
from penstock.domain.quote import Basis
from penstock.domain.remedy import ask_person

EARLIEST: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Imported:
    """How many prices a file has, how many of them are news, and of how many securities."""

    lines: int
    changed: int
    securities: int


def set_price(
    connection: sa.Connection,
    line: PriceLine,
    *,
    owner_id: int,
    today: date,
    now: datetime,
) -> OwnPrice:
    """Set one price. Raises NotFound for a security that there is not, and InvalidInput."""
    names = _Names(securities.of_owner(connection, owner_id=owner_id))
    unknown = _unknown_money(connection, [line], owner_id=owner_id)
    try:
        one = _price(line, names, unknown, today)
    except ValueError as error:
        raise InvalidInput(f"The price cannot be set: {error}.") from None
    _save(connection, [one], owner_id=owner_id, now=now)
    return one


def import_prices(
    connection: sa.Connection,
    lines: Sequence[PriceLine],
    *,
    owner_id: int,
    today: date,
    now: datetime,
    dry: bool,
) -> Imported:
    """Set all prices of a file, or none. Raises InvalidInput with every fault and its line."""
    names = _Names(securities.of_owner(connection, owner_id=owner_id))
    unknown = _unknown_money(connection, lines, owner_id=owner_id)
    faults: list[str] = []
    found: dict[tuple[int, date], OwnPrice] = {}
    for line in lines:
        try:
            one = _price(line, names, unknown, today)
        except (NotFound, ValueError) as error:
            faults.append(f"line {line.line}: {str(error).rstrip('.')}")
            continue
        before = found.setdefault((one.security_id, one.day), one)
        if before != one:
            faults.append(f"line {line.line}: there is another price of that day above")
    if faults:
        raise price_file.refused(faults)
    known = {
        (one.security_id, one.day): one
        for one in own_prices.of_owner(connection, owner_id=owner_id)
    }
    news = [one for key, one in found.items() if known.get(key) != one]
    if not dry:
        _save(connection, news, owner_id=owner_id, now=now)
    return Imported(len(lines), len(news), len({one.security_id for one in found.values()}))


def remove_price(connection: sa.Connection, security: str, day: date, *, owner_id: int) -> None:
    """Forget the price of a day. Raises NotFound."""
    feeds.next_change(connection, owner_id)
    names = _Names(securities.of_owner(connection, owner_id=owner_id))
    number = names.find(security).id
    if not own_prices.delete(connection, number, day, owner_id=owner_id):
        raise NotFound(f"You have set no price of {security[:60]!r} for {day}.")
    net_worth.forget(connection, owner_id=owner_id, since=day)


def find(connection: sa.Connection, security: str, *, owner_id: int) -> Security:
    """Return the security of a person's that is meant. Raises NotFound."""
    return _Names(securities.of_owner(connection, owner_id=owner_id)).find(security)


def _save(
    connection: sa.Connection, prices: Sequence[OwnPrice], *, owner_id: int, now: datetime
) -> None:
    if prices:
        feeds.next_change(connection, owner_id)  # who is working out a worth by the old ones knows
        own_prices.save(connection, prices, owner_id=owner_id, now=now)
        net_worth.forget(connection, owner_id=owner_id, since=min(one.day for one in prices))


def _unknown_money(
    connection: sa.Connection, lines: Sequence[PriceLine], *, owner_id: int
) -> set[str]:
    """Return the currencies of these lines that are none, nor anybody's own unit here.

    Such a unit is one that has a rate, or that an institution states what this person has in.
    """
    unknown = {line.currency for line in lines} - KNOWN
    if unknown:
        unknown -= {*rates.currencies(connection, first=date.min, last=date.max)}
        unknown -= {row.currency for row in worth_reads.accounts_of(connection, owner_id=owner_id)}
        unknown -= {row.currency for row in worth_reads.held_of(connection, owner_id=owner_id)}
    return unknown


def _price(line: PriceLine, names: "_Names", unknown: Collection[str], today: date) -> OwnPrice:
    """Return a price as it is stored.

    Raises NotFound, and ValueError for a day or a currency that cannot be.
    """
    security = names.find(line.security)
    if line.currency in unknown:
        raise ValueError(
            f"{line.currency} is no currency that is known here: write its ISO 4217 code, like "
            "EUR; for a unit of your own, an admin first sets what one euro costs in it: "
            f"penstock rates set {line.currency} RATE"
        )
    if line.day > today:
        raise ValueError(f"{line.day} is still to come")
    if line.day < EARLIEST:
        raise ValueError(f"{line.day} is before {EARLIEST}")
    usual = Basis.PERCENT_OF_PAR if security.type is SecurityType.BOND else Basis.PER_SHARE
    price = canonical_price(line.price, line.currency)
    return OwnPrice(security.id, line.day, price, line.currency, line.basis or usual)


class _Names:
    """Securities by what people call them: id, ISIN, FIGI, CUSIP, instrument, ticker, or name.

    Where none is written just so, capitals do not matter.
    """

    def __init__(self, known: Sequence[Security]) -> None:
        self._by_name: dict[str, list[Security]] = defaultdict(list)
        self._by_small_name: dict[str, list[Security]] = defaultdict(list)
        for one in known:
            listed = one.ticker and one.mic and f"{one.ticker}:{one.mic}"
            names = (one.isin, one.figi, one.cusip, one.instrument, listed, one.ticker, one.name)
            for name in {public_id("sec", one.id), *filter(None, names)}:
                self._by_name[name].append(one)
                self._by_small_name[name.casefold()].append(one)

    def find(self, name: str) -> Security:
        """Return the one that is meant. Raises NotFound, also where it may be one of several."""
        meant = self._by_name.get(name) or self._by_small_name.get(name.casefold(), [])
        found: Mapping[int, Security] = {one.id: one for one in meant}
        if not found:
            raise NotFound(
                f"You hold no security {name[:60]!r}.",
                remedy=ask_person("See what there is, with every name: penstock securities."),
            )
        if len(found) > 1:
            ids = ", ".join(public_id("sec", number) for number in sorted(found))
            raise NotFound(f"{name[:60]!r} may be one of several: {ids}.")
        return next(iter(found.values()))
