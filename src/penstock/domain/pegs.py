"""Currencies whose rate is a law: those that the euro replaced, and those that are pegged.

No market is asked for these. Each line says by which text the rate holds; a peg that is a policy
and not a law, or a band, is not among them.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final


@dataclass(frozen=True, slots=True)
class Fixed:
    """So many `units` of a currency are `worth` so many of `anchor`, from `since` on, by `law`.

    `replaced`: the euro took the currency's place, and the rate is irrevocable.
    """

    currency: str
    anchor: str
    units: Decimal
    since: date
    law: str
    replaced: bool = False
    worth: Decimal = Decimal(1)


_EURO: Final = date(1999, 1, 1)

# https://eur-lex.europa.eu/eli/reg/1998/2866: what one euro is in units of each currency that it
# replaced, with the regulations that amended it, and the day on which it did.
_REPLACED: Final = [
    ("BEF", "40.3399", _EURO, "Council Regulation (EC) 2866/98"),
    ("DEM", "1.95583", _EURO, "Council Regulation (EC) 2866/98"),
    ("ESP", "166.386", _EURO, "Council Regulation (EC) 2866/98"),
    ("FRF", "6.55957", _EURO, "Council Regulation (EC) 2866/98"),
    ("IEP", "0.787564", _EURO, "Council Regulation (EC) 2866/98"),
    ("ITL", "1936.27", _EURO, "Council Regulation (EC) 2866/98"),
    ("LUF", "40.3399", _EURO, "Council Regulation (EC) 2866/98"),
    ("NLG", "2.20371", _EURO, "Council Regulation (EC) 2866/98"),
    ("ATS", "13.7603", _EURO, "Council Regulation (EC) 2866/98"),
    ("PTE", "200.482", _EURO, "Council Regulation (EC) 2866/98"),
    ("FIM", "5.94573", _EURO, "Council Regulation (EC) 2866/98"),
    ("GRD", "340.750", date(2001, 1, 1), "Council Regulation (EC) 1478/2000"),
    ("SIT", "239.640", date(2007, 1, 1), "Council Regulation (EC) 1086/2006"),
    ("CYP", "0.585274", date(2008, 1, 1), "Council Regulation (EC) 1135/2007"),
    ("MTL", "0.429300", date(2008, 1, 1), "Council Regulation (EC) 1134/2007"),
    ("SKK", "30.1260", date(2009, 1, 1), "Council Regulation (EC) 694/2008"),
    ("EEK", "15.6466", date(2011, 1, 1), "Council Regulation (EU) 671/2010"),
    ("LVL", "0.702804", date(2014, 1, 1), "Council Regulation (EU) 870/2013"),
    ("LTL", "3.45280", date(2015, 1, 1), "Council Regulation (EU) 851/2014"),
    ("HRK", "7.53450", date(2023, 1, 1), "Council Regulation (EU) 2022/1208"),
    ("BGN", "1.95583", date(2026, 1, 1), "Council Regulation (EU) 2025/1409"),
]

# At par by the law of those who issue them, for longer than there are euro rates.
_AT_PAR: Final = [
    ("GGP", "GBP", "Guernsey, Currency and Bank Notes Law: sterling's own notes of the island"),
    ("IMP", "GBP", "Isle of Man, Currency Act 1992, section 1: one to one with sterling"),
    ("JEP", "GBP", "Jersey, Currency Notes (Jersey) Law 1959: notes of sterling"),
    ("GIP", "GBP", "Gibraltar, Currency Notes Act: issued and redeemed one to one"),
    ("FKP", "GBP", "Falkland Islands, Currency Ordinance 1987: issued and redeemed one to one"),
    ("SHP", "GBP", "Saint Helena, Currency Ordinance: issued and redeemed one to one"),
    ("BMD", "USD", "Bermuda Monetary Authority Act 1969, and the order of 1972: at par"),
    ("BSD", "USD", "Central Bank of The Bahamas Act: at par since 1973"),
    ("PAB", "USD", "Panama, Law 84 of 1904, and article 1171 of the Fiscal Code: at par"),
]

# Pegs with the euro, which took over those with the French franc and the German mark.
_PEGGED: Final = [
    ("XOF", "655.957", "Council Decision 98/683/EC: 100 were 1 French franc"),
    ("XAF", "655.957", "Council Decision 98/683/EC: 100 were 1 French franc"),
    ("KMF", "491.96775", "Council Decision 98/683/EC: 75 were 1 French franc"),
    ("BAM", "1.95583", "Law on the Central Bank of Bosnia and Herzegovina, article 32"),
]

# Stated the other way round than the others: what one euro costs has no end of digits.
_FRANC_CFP: Final = Fixed(
    "XPF",
    "EUR",
    Decimal(1000),
    _EURO,
    "France, decree 98-1152 and the order of 31 December 1998: 1,000 are 8.38 euros",
    worth=Decimal("8.38"),
)

FIXED: Final = {
    one.currency: one
    for one in [
        *(
            Fixed(code, "EUR", Decimal(rate), day, law, replaced=True)
            for code, rate, day, law in _REPLACED
        ),
        *(Fixed(code, anchor, Decimal(1), _EURO, law) for code, anchor, law in _AT_PAR),
        *(Fixed(code, "EUR", Decimal(rate), _EURO, law) for code, rate, law in _PEGGED),
        _FRANC_CFP,
    ]
}
"""What is fixed by law, by currency."""
