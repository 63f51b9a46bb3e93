"""A portfolio in six currencies, and what it is worth, computed by hand.

One euro costs, on 2026-11-20: 1.0850 USD, 0.8412 GBP, 3.9450 ILS, 162.35 JPY, 0.9375 CHF.

    what                    quantity x price              in its currency         / rate = EUR
    SAP, Xetra              12 x 231.45 EUR                   2,777.40 EUR      2,777.40
    Apple, Nasdaq           15.5 x 227.52 USD                 3,526.56 USD      3,250.28571, .29
    Ocado, London           1,000 x 308.8 pence x 0.01        3,088.00 GBP      3,670.94627, .95
    Teva, Tel Aviv          250 x 6,543 agorot x 0.01        16,357.50 ILS      4,146.38783, .39
    Toyota, Tokyo           100 x 2,891 yen                    289,100 JPY      1,780.72066, .72
    Bitcoin                 0.12345678 x 96,077.45 USD   11,861.412607611 USD  10,932.17752, .18
    German bond             10,000 nominal x 98.765 %         9,876.50 EUR      9,876.50
    Sluice, short           -40 x 9.5125 USD                   -380.50 USD       -350.69124, .69
    Weir, its broker's      10 x 402.5 pence x 0.01              40.25 GBP         47.84831, .85
    Fund, its broker's      stated as 1,000.55 EUR            1,000.55 EUR      1,000.55
    Quarry, unlisted        no price                                 ?         (missing)
    Everyday account                                          1,234.56 EUR      1,234.56
    Swiss savings                                             5,432.10 CHF      5,794.24
    Card                                                       -789.01 USD       -727.19816, .20

    assets:        2,777.40 + 3,250.29 =  6,027.69    + 3,670.95 =  9,698.64
                 + 4,146.39 = 13,845.03    + 1,780.72 = 15,625.75    + 10,932.18 = 26,557.93
                 + 9,876.50 = 36,434.43    +    47.85 = 36,482.28    +  1,000.55 = 37,482.83
                 + 1,234.56 = 38,717.39    + 5,794.24 = 44,511.63
    liabilities:   -350.69 - 727.20 = -1,077.89
    total:         44,511.63 - 1,077.89 = 43,433.74
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any, Final

from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.domain.counting import Account, Standing
from penstock.domain.holding import SecurityType
from penstock.domain.quote import Basis, Quote
from penstock.domain.says import Invested
from penstock.domain.valuation import Position, Price, Rate, in_whole_units, value

NOW: Final = datetime(2026, 11, 20, 17, tzinfo=UTC)
DAY: Final = NOW.date()
EUROS: Final = {
    "USD": Decimal("1.0850"),
    "GBP": Decimal("0.8412"),
    "ILS": Decimal("3.9450"),
    "JPY": Decimal("162.35"),
    "CHF": Decimal("0.9375"),
}

HELD: Final[dict[str, dict[str, Any]]] = {
    "SAP": {"quantity": "12", "quote": ("SAP:XETR", "231.45", "EUR")},
    "AAPL": {"quantity": "15.5", "currency": "USD", "quote": ("AAPL:XNAS", "227.52", "USD")},
    "OCDO": {"quantity": "1000", "currency": "GBP", "quote": ("OCDO:XLON", "308.8", "GBX")},
    "TEVA": {"quantity": "250", "currency": "ILS", "quote": ("TEVA:XTAE", "6543", "ILA")},
    "7203": {"quantity": "100", "currency": "JPY", "quote": ("7203:XTKS", "2891", "JPY")},
    "BTC": {
        "quantity": "0.12345678",
        "currency": "USD",
        "type": "crypto",
        "quote": ("BTC/USD", "96077.45", "USD"),
    },
    "BUND": {
        "quantity": "10000",
        "type": "bond",
        "isin": "DE0001102580",
        "quote": ("DE0001102580", "98.765", "EUR", "percent_of_par"),
    },
    "SLUI": {"quantity": "-40", "currency": "USD", "quote": ("SLUI:XNYS", "9.5125", "USD")},
    "WEIR": {"quantity": "10", "currency": "GBX", "price": "402.5"},
    "FUND": {"quantity": "31.25", "type": "fund", "value": "1000.55"},
    "QUARRY": {"quantity": "77"},
}
"""Each position: what its broker states, and our quote: instrument, price, unit, basis."""

BALANCES: Final = {
    "everyday": ("checking", "1234.56", "EUR"),
    "swiss": ("savings", "5432.10", "CHF"),
    "card": ("credit_card", "-789.01", "USD"),
}

IN_EUROS: Final = {
    "SAP": "2777.40",
    "AAPL": "3250.29",
    "OCDO": "3670.95",
    "TEVA": "4146.39",
    "7203": "1780.72",
    "BTC": "10932.18",
    "BUND": "9876.50",
    "SLUI": "-350.69",
    "WEIR": "47.85",
    "FUND": "1000.55",
    "everyday": "1234.56",
    "swiss": "5794.24",
    "card": "-727.20",
}
"""What each part is worth in euros: the last column of the table above."""

OF_ITS_OWN: Final = {
    "SAP": ("2777.40", "EUR"),
    "AAPL": ("3526.56", "USD"),
    "OCDO": ("3088.00", "GBP"),
    "TEVA": ("16357.50", "ILS"),
    "7203": ("289100", "JPY"),
    "BTC": ("11861.41", "USD"),
    "BUND": ("9876.50", "EUR"),
    "SLUI": ("-380.50", "USD"),
    "WEIR": ("40.25", "GBP"),
    "FUND": ("1000.55", "EUR"),
}
"""What each position is worth in the currency of its price: the column before, to its coin."""

ASSETS: Final = "44511.63"
LIABILITIES: Final = "-1077.89"
TOTAL: Final = "43433.74"
MISSING: Final = "QUARRY"


def convert(base: str, quote: str) -> Rate | None:
    """Give a rate through the euro, to fifty digits; None for what is not in the table."""
    (base, scale), (quote, other) = in_whole_units(base), in_whole_units(quote)
    known = {"EUR": Decimal(1)} | EUROS
    if base not in known or quote not in known:
        return None
    with localcontext(prec=50):
        return Rate(known[quote] / known[base] * scale / other, DAY)


def quote_of(name: str, *, as_of: datetime = NOW - timedelta(minutes=20)) -> Quote | None:
    """Return our quote of a thing, twenty minutes old; None where there is none."""
    if "quote" not in HELD[name]:
        return None
    instrument, price, unit, *basis = HELD[name]["quote"]
    currency, scale = in_whole_units(unit)
    return Quote(
        symbol=instrument,
        instrument=instrument,
        price=Decimal(price),
        currency=currency,
        quoted_unit=unit,
        scale=scale,
        basis=Basis(*basis or ["per_share"]),
        as_of=as_of,
        fetched_at=as_of,
        source="table",
        extractor="test",
        raw=price,
    )


def position(name: str) -> Position:
    """Return a position as its broker states it, an hour ago."""
    told = HELD[name]
    stated: dict[str, Any] = {
        what: Decimal(told[what]) for what in ("price", "value") if what in told
    }
    return Position(
        key=name,
        type=SecurityType(told.get("type", "stock")),
        quantity=Decimal(told["quantity"]),
        currency=told.get("currency", "EUR"),
        as_of=NOW - timedelta(hours=1),
        **stated,
    )


def accounts() -> list[Account]:
    """Return the accounts of the table."""
    lines = []
    for name in HELD:
        quote = quote_of(name)
        prices = (Price.of(quote),) if quote else ()
        lines.append((name, name, value(position(name), prices, now=NOW, convert=convert)))
    broker = Account(
        key="broker",
        name="Broker",
        type=AccountType.INVESTMENT,
        currency="EUR",
        institution="Sandbox",
        invested=Invested.MONEY,
        lines=lines,
    )
    return [broker, *(bank(key, *told) for key, told in BALANCES.items())]


def bank(key: str, type_: str, amount: str, currency: str) -> Account:
    """Return an account with nothing but a balance, two hours old."""
    stated_at = NOW - timedelta(hours=2)
    standing = Standing(BalanceKind.CURRENT, Decimal(amount), currency, stated_at)
    return Account(
        key=key,
        name=key,
        type=AccountType(type_),
        currency=currency,
        institution="Bank",
        invested=Invested.TOTAL,
        balances=(standing,),
    )
