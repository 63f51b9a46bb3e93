"""Answers of sources and believed prices, kept in the database for all processes."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from penstock.db.connect import open_database
from penstock.db.lane import Database as Lanes
from penstock.domain.pricing import Kept
from penstock.domain.quote import Basis, Quote
from penstock.engine.price_memory import Believed, KeptAnswers
from tests.databases import Database
from tests.engine.bench import NOON, Watch

QUOTE = Quote(
    symbol="OCDO.L",
    price=Decimal("402.50"),
    currency="GBP",
    quoted_unit="GBX",
    as_of=NOON.astimezone(timezone(timedelta(hours=9))),
    fetched_at=NOON,
    source="boerse",
    extractor="json",
    raw="402.50p",
    scale=Decimal("0.01"),
    basis=Basis.PER_SHARE,
    delay=timedelta(minutes=15),
    flags=("closed",),
    instrument="OCDO:XLON",
)


def kept(address: str, fetched_at: datetime = NOON, **said: Any) -> Kept:
    """Return an answer that is fresh for a minute."""
    known: dict[str, Any] = {
        "source": "boerse",
        "address": address,
        "quotes": {"OCDO:XLON": QUOTE},
        "fetched_at": fetched_at,
        "fresh_until": fetched_at + timedelta(minutes=1),
        "etag": 'W/"1"',
    }
    return Kept(**(known | said))


def tell(database: Database, story: Callable[[Lanes], Awaitable[None]]) -> None:
    """Play a story with the test's database open."""

    async def whole() -> None:
        async with open_database(database.url) as opened:
            await story(opened)

    asyncio.run(whole())


def test_an_answer_comes_back_as_it_was(database: Database) -> None:
    """What is kept is known to the next process with every digit; what is not, is left out."""

    async def story(lanes: Lanes) -> None:
        first, second = KeptAnswers(lanes, Watch()), KeptAnswers(lanes, Watch())
        answers = [kept(f"https://boerse.example/?s={number}") for number in range(300)]
        await first.keep(answers)
        found = await second.recall([one.address for one in answers] + ["https://x.example/"])
        assert found == {one.address: one for one in answers}
        again = found[answers[0].address].quotes["OCDO:XLON"]
        assert str(again.price) == "402.50"
        assert again.as_of.date() == QUOTE.as_of.date()
        assert await second.recall([]) == {}

    tell(database, story)


def test_the_newer_answer_stands(database: Database) -> None:
    """An answer takes the place of the one before, never of one that came later."""

    async def story(lanes: Lanes) -> None:
        answers = KeptAnswers(lanes, Watch())
        newer = kept("a", NOON + timedelta(minutes=5), etag=None, last_modified="Fri")
        await answers.keep([kept("a")])
        await answers.keep([newer])
        await answers.keep([kept("a")])
        assert await answers.recall(["a"]) == {"a": newer}

    tell(database, story)


def test_what_is_kept_is_bounded(database: Database) -> None:
    """Once an hour the old go, and of too many the oldest."""

    async def story(lanes: Lanes) -> None:
        watch = Watch()
        answers = KeptAnswers(lanes, watch, kept=timedelta(days=2), most=3)
        names = "abcdefg"
        for name in names:
            await answers.keep([kept(name, watch.now)])
            watch.later(minutes=1)
        watch.later(hours=1)
        await answers.keep([kept("z", watch.now)])
        assert set(await answers.recall([*names, "z"])) == {"f", "g", "z"}
        watch.later(days=3)
        await answers.keep([])
        await answers.keep([kept("y", watch.now)])
        assert set(await answers.recall([*names, "y", "z"])) == {"y"}

    tell(database, story)


def test_no_secret_is_in_a_row(database: Database) -> None:
    """An address is kept as its hash: what stands in it, by whoever's mistake, is in no row."""

    async def story(lanes: Lanes) -> None:
        await KeptAnswers(lanes, Watch()).keep([kept("https://boerse.example/?apikey=s3cret")])
        written = await lanes.read(
            lambda one: str(one.execute(sa.text("SELECT * FROM price_answers")).all())
        )
        assert "402.50" in written
        assert "s3cret" not in written
        assert "boerse.example" not in written

    tell(database, story)


def test_a_damaged_row_is_as_none(database: Database) -> None:
    """What cannot be read back is asked for anew, and marks that are too long are none."""

    async def story(lanes: Lanes) -> None:
        answers = KeptAnswers(lanes, Watch())
        await answers.keep([kept("a"), kept("b", etag="x" * 9999, last_modified="\0\ud800")])
        await lanes.write(
            lambda one: one.execute(
                sa.text("UPDATE price_answers SET quotes = '{\"a\":{}}' WHERE etag IS NOT NULL")
            )
        )
        found = await answers.recall(["a", "b"])
        assert set(found) == {"b"}
        assert (found["b"].etag, found["b"].last_modified) == (None, "\ufffd?")

    tell(database, story)


def test_what_was_believed_is_known_to_the_next(database: Database) -> None:
    """A price is believed once, by everybody, and the last one is told."""

    async def story(lanes: Lanes) -> None:
        one, other = Believed(lanes, Watch()), Believed(lanes, Watch())
        later = QUOTE._replace(as_of=QUOTE.as_of + timedelta(hours=1), price=Decimal("403.0"))
        await one.accept([QUOTE, later, QUOTE])
        await one.accept([])
        found = await other.last(["OCDO:XLON", "SAP:XETR"])
        assert found == {"OCDO:XLON": later._replace(symbol="OCDO:XLON")}
        assert await other.last([]) == {}

    tell(database, story)


def test_two_who_believe_the_same_do_not_wait_for_ever(database: Database) -> None:
    """Many prices, added by two at once in opposite orders, are each there once."""

    async def story(lanes: Lanes) -> None:
        believed = Believed(lanes, Watch())
        many = [QUOTE._replace(instrument=f"T{number}:XLON") for number in range(200)]
        await asyncio.gather(*(believed.accept(many[:: 1 - 2 * (n % 2)]) for n in range(8)))
        count = await lanes.read(
            lambda one: one.execute(sa.text("SELECT count(*) FROM prices")).scalar()
        )
        assert count == 200

    tell(database, story)
