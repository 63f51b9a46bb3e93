"""The splits that explain why a price is a fraction of the last one (domain/pricing.py).

Prices are for everybody, and what happened to a security is one person's: only what an admin holds
for true counts here (docs/decisions/0020-splits-for-everybody.md).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Context, Decimal
from typing import Final

from penstock.db import price_splits
from penstock.db.lane import Database
from penstock.domain.instrument import alike, at_home
from penstock.domain.security_event import Ratio

_SAME: Final = timedelta(days=7)
"""Two who note one split may mean its announcement, its first day, or the day after."""
_WIDE: Final = Context(prec=50)


@dataclass(frozen=True, slots=True)
class KnownSplits:
    """`domain.pricing.Splits`, in the database."""

    database: Database

    async def of(
        self, instruments: Collection[str]
    ) -> Mapping[str, Sequence[tuple[date, Decimal]]]:
        """Return the days and ratios of each: so many new shares for one old one.

        What was split at one exchange of the United States was so at all of them.
        """
        if not instruments:
            return {}
        asked = {other for name in instruments for other in alike(name)}
        told = await self.database.glance(price_splits.of_admins, asked)
        once: dict[str, list[tuple[date, Ratio]]] = {}
        for split in sorted(told, key=lambda one: one.day):
            known = once.setdefault(at_home(split.instrument), [])
            if not any(ratio == split.ratio and split.day - day <= _SAME for day, ratio in known):
                known.append((split.day, split.ratio))
        found = {name: once.get(at_home(name), []) for name in instruments}
        return {name: [(day, _shares(one)) for day, one in some] for name, some in found.items()}


def _shares(ratio: Ratio) -> Decimal:
    return _WIDE.divide(Decimal(ratio.new), Decimal(ratio.old))
