"""Whether the exchange rates are there, and new enough."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from penstock.cli.doctor.check import Check, ok, warn
from penstock.db import price_turns
from penstock.db import rates as stored
from penstock.db.lane import Database
from penstock.db.price_turns import RATES
from penstock.domain import target
from penstock.settings import Settings

PUBLISHER: Final = "ecb"
GRACE: Final = timedelta(days=1)
"""So much later than they are published rates should be here, whatever happened on the way."""
_ASK: Final = "`penstock rates --refresh` asks for them; `penstock serve` does so by itself."


def checks(settings: Settings, database: Database, *, now: datetime) -> Iterator[Check]:
    """Say up to which day rates are there, why there are none, and that asking failed."""
    if PUBLISHER not in settings.quote_sources:
        return
    known = database.read_now(stored.documents).values()
    through = max((one.through for one in known if one.through), default=None)
    there = f"they are there up to {through}" if through else "there are none yet"
    turn = database.read_now(price_turns.some, [RATES]).get(RATES)
    if turn is not None and turn.known.last_code is not None:
        why = turn.known.last_code.replace("_", " ")
        again = f"they are asked for again at {turn.due.at:%Y-%m-%d %H:%M} UTC"
        yield warn("rates", f"asking for exchange rates failed: {why}; {there}; {again}", _ASK)
    elif through is None:
        asked = max((one.asked_at for one in known), default=None)
        tried = f", though asked for on {asked:%Y-%m-%d %H:%M} UTC" if asked else ""
        yield warn("rates", f"there are no exchange rates yet{tried}", _ASK)
    elif through < (awaited := target.newest(now - GRACE)):
        found = f"exchange rates are there up to {through}; those of {awaited} are out"
        yield warn("rates", found, _ASK)
    else:
        yield ok("rates", f"exchange rates are there up to {through}")
