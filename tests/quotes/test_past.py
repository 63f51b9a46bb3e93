"""Closes of past days are held against the prices that are known: nothing wrong gets in."""

from datetime import date
from decimal import Context, Decimal

from penstock.domain.quote import Quote
from penstock.domain.trading_day import close_of, last_closed, trading_days
from penstock.quotes.manners import Sane
from penstock.quotes.past import judged, together
from penstock.quotes.quest import UNCONFIRMED
from tests.quotes.golden_answers import at

SPLIT = (date(2026, 11, 18), Decimal(4))


def told(day: int, price: str, **more: object) -> Quote:
    """Return a price of a day of November."""
    quote = Quote(
        symbol="SAP:XETR",
        price=Decimal(price),
        currency="EUR",
        quoted_unit="EUR",
        as_of=close_of("SAP:XETR", date(2026, 11, day)),
        fetched_at=at(2026, 11, 20),
        source="yahoo",
        extractor="days",
        raw=price,
        instrument="SAP:XETR",
    )
    return quote._replace(**more)  # type: ignore[arg-type]  # a field of a quote


def days(closes: list[Quote]) -> list[int]:
    """Return the days of November."""
    return [one.as_of.day for one in closes]


def test_a_series_in_another_unit_is_refused_whole() -> None:
    """All in pence where the known price is in pounds: not one of them is believed."""
    closes = [told(day, "10050") for day in (16, 17, 18)]
    believed, doubts = judged(closes, [told(19, "100")], Sane(), ())
    assert (believed, len(doubts)) == ([], 3)


def test_one_odd_day_takes_no_others_along() -> None:
    """It is held against its neighbours, and so are those before it."""
    closes = [told(16, "99"), told(17, "0.98"), told(18, "101")]
    believed, doubts = judged(closes, [told(19, "100")], Sane(), ())
    assert (days(believed), len(doubts)) == ([16, 18], 1)


def test_raw_closes_before_a_split_are_believed_where_the_split_is_known() -> None:
    """And doubted where nobody told of it, or where they were divided by it already."""
    raw, divided = [told(17, "400"), told(18, "101")], [told(17, "100"), told(18, "101")]
    known = [told(19, "100")]
    assert days(judged(raw, known, Sane(), [SPLIT])[0]) == [17, 18]
    assert days(judged(raw, known, Sane(), ())[0]) == [18]
    assert days(judged(divided, known, Sane(), [SPLIT])[0]) == [18]


def test_a_price_that_was_seen_before_speaks_too() -> None:
    """Divided closes of a split that nobody tells do not go with what was seen then."""
    known = [told(16, "400"), told(19, "100")]
    believed, doubts = judged([told(17, "100"), told(18, "100")], known, Sane(), ())
    assert (believed, len(doubts)) == ([], 2)


def test_what_only_an_unconfirmed_price_speaks_for_is_unconfirmed() -> None:
    """A source that nobody confirmed yet confirms itself no better in the past."""
    weak = told(19, "100", flags=(UNCONFIRMED,))
    (one, other), _ = judged([told(17, "100"), told(18, "100")], [weak], Sane(), ())
    assert UNCONFIRMED in one.flags
    assert UNCONFIRMED in other.flags
    (third,), _ = judged([told(18, "100", source="alpaca")], [weak], Sane(), ())
    assert third.flags == ()


def test_a_split_that_two_tell_of_is_one() -> None:
    """By the same ratio within a week."""
    again = (date(2026, 11, 16), Decimal(4))
    other = (date(2026, 11, 16), Decimal(2))
    assert together([SPLIT], [again, other]) == [SPLIT, other]


def test_a_split_with_endless_digits_is_one_too() -> None:
    """One for three, told with 28 digits and noted with 50."""
    ratios = [Context(prec=digits).divide(Decimal(1), Decimal(3)) for digits in (28, 50)]
    told_, noted = ((date(2026, 11, 18), ratio) for ratio in ratios)
    assert together([told_], [noted]) == [told_]


def test_weekends_lack_nothing() -> None:
    """A coin trades on every day; in Tel Aviv the week is another."""
    span = date(2026, 11, 13), date(2026, 11, 17)
    assert [day.day for day in trading_days("SAP:XETR", *span)] == [13, 16, 17]
    assert len(list(trading_days("BTC/EUR", *span))) == 5
    assert last_closed("SAP:XETR", at(2026, 11, 16, 23, 30)) == date(2026, 11, 16)
    assert last_closed("AAPL:US", at(2026, 11, 17, 4)) == date(2026, 11, 15)
