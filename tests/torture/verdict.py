"""The judge of prices: what each symbol ended as is held against what sources did to it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final

from penstock.domain.quote import Quote, QuoteError, Suspicious, Unconfirmed
from penstock.domain.trail import Trail
from penstock.quotes.errand import STALE_ANSWER
from penstock.quotes.plan import attempts_for
from penstock.quotes.quest import UNCONFIRMED
from tests.torture.bourse import Thing
from tests.torture.mall import Mall, Shop
from tests.torture.mischief import FAULTS, TROUBLE
from tests.torture.report import Figures

FINAL: Final = frozenset(["wrong_symbol", "ambiguous_number", "stale"])
"""After these nobody else is asked: the answer contradicted itself."""
UNTRUE: Final = frozenset(["304 untrue", "304 of another"])


@dataclass
class Verdict:
    """What was found so far. `sent` is when each host was asked."""

    mall: Mall
    sent: dict[str, list[datetime]]
    violations: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    doubtful: set[str] = field(default_factory=set)
    """Symbols that really leapt once, or whose price was falsified."""
    rounds: int = 0
    troubled: set[str] = field(default_factory=set)

    def judge(self, symbols: Sequence[str], trails: Sequence[Trail]) -> None:
        """Judge one round."""
        self.rounds += 1
        things = {thing.symbol: thing for thing in self.mall.bourse.things}
        self.doubtful |= self.mall.bourse.leapt
        for shop in self.mall.shops.values():
            for symbol, faults in shop.mixed.items():
                if any(FAULTS[name].prices for name in faults):
                    self.doubtful.add(symbol)
        if [trail.symbol for trail in trails] != list(symbols):
            self._violated("", "what came is not in the order in which it was asked for")
        for trail in trails:
            thing, outcome = things.get(trail.symbol), trail.outcome
            if isinstance(outcome, Unconfirmed):
                self.outcomes[outcome.code] += 1
                self._held_back(thing, outcome)
            elif isinstance(outcome, Quote):
                self.outcomes["price"] += 1
                self.flags.update(flag.partition(":")[0] for flag in outcome.flags)
                self._price(trail, thing, outcome)
            else:
                self.outcomes[outcome.code] += 1
                self._error(trail, thing, outcome)
        self.troubled = {shop.name for shop in self.mall.shops.values() if shop.troubled}

    def _price(self, trail: Trail, thing: Thing | None, quote: Quote) -> None:
        """A price that is not true is one too many, unless nobody else has the thing.

        Then it may be told as unconfirmed. Who says to know no such symbol does not have it.
        """
        if thing is None:
            self._violated(trail.symbol, f"a price of what there is not: {quote.price}")
            return
        wrong = self._wrong_in(thing, quote)
        if not wrong:
            return
        if UNCONFIRMED in quote.flags and not self._others(trail, quote):
            self.outcomes["price"] -= 1
            self.outcomes["wrong price of the only source"] += 1
        else:
            self._violated(trail.symbol, f"{wrong}: {quote}, {self._others(trail, quote)}")

    def _others(self, trail: Trail, quote: Quote) -> set[str]:
        """Return the other sources that have a thing, as far as they say."""
        declared = [shop.declared for shop in self.mall.shops.values()]
        covering = {way.source.id for way in attempts_for(trail.symbol, declared, [])}
        unknown = {
            step.source
            for step in trail.steps
            if step.error is not None and step.error.code == "symbol_not_found"
        }
        return covering - unknown - {quote.source}

    def _wrong_in(self, thing: Thing, quote: Quote) -> str:
        """Return what is wrong with a price, "" if nothing is."""
        kind = thing.kind
        scale = kind.scale
        meant = (kind.currency, kind.unit, scale, kind.basis)
        if (quote.currency, quote.quoted_unit, quote.scale, quote.basis) != meant:
            return "another unit"
        if quote.instrument != thing.symbol:
            return "another instrument"
        if quote.source == "ecb":
            return "" if self._is_fixed(thing, quote) else "no rate of that day"
        if not thing.was_true(quote.as_of, quote.price):
            return "never true"
        lied = self.mall.shops[quote.source].mixed.get(thing.symbol, set()) & UNTRUE
        if quote.as_of != thing.now.as_of and STALE_ANSWER not in quote.flags and not lied:
            return "of before, as if it were new"
        return ""

    def _is_fixed(self, thing: Thing, quote: Quote) -> bool:
        """Say whether a rate is that of a day, or follows from two of them."""
        for rates in self.mall.fixings.values():
            legs = [
                Decimal(1) if code == "EUR" else rates[f"EUR/{code}"].price
                for code in (thing.base, thing.kind.unit)
                if code == "EUR" or f"EUR/{code}" in rates
            ]
            if len(legs) == 2 and abs(legs[1] / legs[0] / quote.price - 1) < Decimal("1e-9"):
                return True
        return False

    def _error(self, trail: Trail, thing: Thing | None, error: QuoteError) -> None:
        if thing is None:
            return
        shop = self.mall.shops.get(error.source)
        if shop is None or not self._explained(thing, shop, error):
            faults = {one.name: one.mixed.get(thing.symbol) for one in self.mall.shops.values()}
            self._violated(trail.symbol, f"nothing explains {error.code}: {error}; {faults}")
        told = self.mall.told.get(thing.symbol, set())
        final = isinstance(error, Suspicious) or error.code in FINAL
        if told and not final:
            self._violated(trail.symbol, f"{error.code}, though {told} told the truth")

    def _held_back(self, thing: Thing | None, error: Unconfirmed) -> None:
        """A first price may be held back only where all the others that have it were in trouble."""
        if thing is None or error.quote is None:
            self._violated(error.symbol, f"a first price of nothing: {error}")
            return
        if self._wrong_in(thing, error.quote):
            self.outcomes["of those unconfirmed, not true"] += 1
        for reason in error.reasons:
            if not self._explained(thing, self.mall.shops[reason.source], reason):
                self._violated(error.symbol, f"nothing explains {reason.code}: {error}")
        others = self.mall.told.get(thing.symbol, set()) - {error.source}
        if others:
            self._violated(error.symbol, f"unconfirmed, though {others} told the truth: {error}")

    def _explained(self, thing: Thing, shop: Shop, error: QuoteError) -> bool:
        if isinstance(error, Suspicious):
            return thing.symbol in self.doubtful
        faults = shop.mixed.get(thing.symbol, set())
        if any(error.code in FAULTS[name].right for name in faults):
            return True
        if error.code == "rate_limited":
            return shop.closings > 0 and shop.closed is not None
        if error.code == "quota_spent":
            return shop.declared.politeness.daily is not None
        if error.code in TROUBLE:
            return shop.troubled or shop.name in self.troubled
        return False

    def _violated(self, symbol: str, what: str) -> None:
        self.violations.append(f"round {self.rounds}, {symbol}: {what}")

    def budgets(self) -> list[str]:
        """Return where a host was asked more than it takes."""
        found: list[str] = []
        for shop in self.mall.shops.values():
            polite = shop.declared.politeness
            least = timedelta(seconds=polite.interval)
            sent = sorted(self.sent.get(f"127.0.0.1:{shop.port}", []))
            near = [str(b - a) for a, b in pairwise(sent) if b - a < least]
            found += [f"{shop.name}: {gap} between two requests" for gap in near[:3]]
            found += shop.early[:3]
            if polite.daily:
                found += [
                    f"{shop.name}: {calls} calls on {day}"
                    for day, calls in shop.calls.items()
                    if calls > polite.daily
                ]
        return found

    def figures(self) -> Figures:
        """Return what is to be told."""
        figures: Figures = {
            "symbols": len(self.mall.bourse.things),
            "rounds": self.rounds,
            "faults": sum(self.mall.done.values()),
        }
        figures |= {f"fault: {name}": self.mall.done[name] for name in FAULTS}
        figures |= {f"outcome: {name}": number for name, number in sorted(self.outcomes.items())}
        figures |= {f"flag: {name}": number for name, number in sorted(self.flags.items())}
        for shop in self.mall.shops.values():
            polite, most = shop.declared.politeness, max(shop.calls.values(), default=0)
            figures[f"requests: {shop.name}"] = len(shop.came)
            figures[f"calls in the fullest day: {shop.name}"] = f"{most} of {polite.daily or 'any'}"
            figures[f"asked to be left alone: {shop.name}"] = shop.closings
        return figures
