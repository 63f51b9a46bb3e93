"""The signs and short words that stand for a currency, whatever language the page is in.

Each stands for every currency that it may mean; `!` marks the one it means where nothing says
otherwise. A dollar sign has none: on a Taiwanese page it is the Taiwan dollar.
"""

from dataclasses import dataclass
from typing import Final

from penstock.domain.currency_codes import CODES, COINS, METALS, NO_ENGLISH_WORDS, SPELLINGS
from penstock.quotes.cldr import Habits
from penstock.quotes.separators import Unreadable

_DOLLARS: Final = (
    "USD CAD AUD NZD HKD SGD TWD MXN ARS CLP COP UYU BBD BMD BND BSD BZD DOP FJD GYD JMD KYD LRD "
    "NAD SBD SRD TTD XCD CUP CVE TOP WST MOP NIO BRL"
)
_POUNDS: Final = "GBP! FKP GIP SHP SSP"
_RUPEES: Final = "INR PKR LKR NPR MUR SCR"
_RIYALS: Final = "IRR SAR QAR OMR YER"
_YUANS: Final = "CNY TWD HKD MOP"
_CROWNS: Final = "SEK NOK DKK ISK"
_FRANCS: Final = "CHF XOF XAF XPF BIF DJF GNF KMF RWF CDF"

_SIGNS: Final = {
    "$": _DOLLARS,
    "US$": "USD", "US $": "USD", "U.S. $": "USD", "U.S.$": "USD", "$US": "USD", "$ US": "USD",
    "U$S": "USD", "u$s": "USD", "U$": "USD", "USD$": "USD",
    "C$": "CAD! NIO", "CA$": "CAD", "CAD$": "CAD", "Can$": "CAD", "$CA": "CAD", "$ CA": "CAD",
    "A$": "AUD", "AU$": "AUD", "AUD$": "AUD", "$AU": "AUD", "$ AU": "AUD",
    "NZ$": "NZD", "$NZ": "NZD", "$ NZ": "NZD", "HK$": "HKD", "HKD$": "HKD", "$HK": "HKD",
    "NT$": "TWD", "NTD": "TWD", "S$": "SGD", "SG$": "SGD", "SGD$": "SGD", "$SG": "SGD",
    "R$": "BRL", "MX$": "MXN", "Mex$": "MXN", "MXN$": "MXN", "$MX": "MXN", "RD$": "DOP",
    "J$": "JMD", "JA$": "JMD", "TT$": "TTD", "BZ$": "BZD", "EC$": "XCD",
    "Bds$": "BBD", "BDS$": "BBD",
    "BD$": "BMD", "B$": "BND BSD", "FJ$": "FJD", "G$": "GYD", "GY$": "GYD", "L$": "LRD",
    "N$": "NAD", "SI$": "SBD", "T$": "TOP", "WS$": "WST", "CI$": "KYD", "COL$": "COP",
    "Col$": "COP", "CLP$": "CLP", "CL$": "CLP", "AR$": "ARS", "$U": "UYU", "MOP$": "MOP",
    "dollar": _DOLLARS, "dollars": _DOLLARS, "Dollar": _DOLLARS, "Dollars": _DOLLARS,
    "\u20ac": "EUR", "euro": "EUR", "euros": "EUR", "Euro": "EUR", "Euros": "EUR", "EURO": "EUR",
    "\u00a3": _POUNDS, "GB\u00a3": "GBP", "E\u00a3": "EGP", "UK\u00a3": "GBP", "STG": "GBP",
    "pound": _POUNDS, "pounds": _POUNDS,
    "\u00a5": "JPY CNY", "JP\u00a5": "JPY", "CN\u00a5": "CNY", "yen": "JPY", "Yen": "JPY",
    "\u5186": "JPY", "\u5143": _YUANS, "\u5713": _YUANS, "\u5706": _YUANS,
    "\u4eba\u6c11\u5e01": "CNY", "\u7f8e\u5143": "USD", "\u6b27\u5143": "EUR",
    "\u6b50\u5143": "EUR", "\u65e5\u5143": "JPY", "\u6e2f\u5143": "HKD", "\u6e2f\u5e01": "HKD",
    "\u53f0\u5e01": "TWD", "\u65b0\u53f0\u5e63": "TWD", "\u53f0\u5e63": "TWD",
    "\u7f8e\u91d1": "USD", "\u30c9\u30eb": "USD", "\u7c73\u30c9\u30eb": "USD",
    "\u30e6\u30fc\u30ed": "EUR", "\u82f1\u938a": "GBP", "\u82f1\u9551": "GBP",
    "\u20a9": "KRW! KPW", "\uc6d0": "KRW! KPW", "\ub2ec\ub7ec": "USD", "\uc720\ub85c": "EUR",
    "\u20b9": "INR", "\u20a8": _RUPEES, "Rs": _RUPEES, "Rs.": _RUPEES, "rs": _RUPEES,
    "Re": _RUPEES, "Re.": _RUPEES, "\u0930\u0941": "INR NPR", "\u0930\u0941.": "INR NPR",
    "\u09f3": "BDT", "Tk": "BDT", "Tk.": "BDT", "Rp": "IDR", "Rp.": "IDR", "RM": "MYR",
    "\u20ab": "VND", "\u0111": "VND", "VN\u0110": "VND", "\u0111\u1ed3ng": "VND",
    "\u0e3f": "THB", "\u0e1a\u0e32\u0e17": "THB", "\u20b1": "PHP! CUP", "\u17db": "KHR",
    "\u20ad": "LAK", "\u20ae": "MNT",
    "\u20aa": "ILS", "\u05e9\u05f4\u05d7": "ILS", '\u05e9"\u05d7': "ILS",
    "\u20bd": "RUB", "\u0440\u0443\u0431": "RUB BYN", "\u0440\u0443\u0431.": "RUB BYN",
    "\u0440": "RUB BYN", "\u0440.": "RUB BYN", "\u0440\u0443\u0431\u043b\u0435\u0439": "RUB BYN",
    "\u0440\u0443\u0431\u043b\u044f": "RUB BYN", "\u0440\u0443\u0431\u043b\u044c": "RUB BYN",
    "\u20b4": "UAH", "\u0433\u0440\u043d": "UAH", "\u0433\u0440\u043d.": "UAH",
    "\u20b8": "KZT", "\u20be": "GEL", "\u20bc": "AZN", "\u058f": "AMD",
    "\u043b\u0432": "BGN", "\u043b\u0432.": "BGN", "\u0434\u0438\u043d": "RSD",
    "\u0434\u0438\u043d.": "RSD", "din": "RSD", "din.": "RSD", "KM": "BAM",
    "\u0434\u0435\u043d": "MKD", "\u0434\u0435\u043d.": "MKD",
    "\u20ba": "TRY", "lei": "RON MDL", "Lei": "RON MDL", "leu": "RON MDL",
    "z\u0142": "PLN", "zl": "PLN", "K\u010d": "CZK", "Ft": "HUF",
    "kr": _CROWNS, "kr.": _CROWNS, "Kr": _CROWNS, "Kr.": _CROWNS, "KR": _CROWNS,
    "Fr": _FRANCS, "Fr.": _FRANCS, "fr": _FRANCS, "fr.": _FRANCS, "FCFA": "XOF XAF",
    "CFA": "XOF XAF", "F CFA": "XOF XAF", "SFr": "CHF", "SFr.": "CHF", "sFr.": "CHF",
    "S/": "PEN", "S/.": "PEN", "\u20b2": "PYG", "Gs.": "PYG", "B/.": "PAB", "\u20a1": "CRC",
    "Bs": "BOB VES", "Bs.": "BOB VES", "Bs.S": "VES", "\u20a6": "NGN", "\u20b5": "GHS",
    "GH\u20b5": "GHS", "KSh": "KES", "Ksh": "KES", "TSh": "TZS", "USh": "UGX", "Br": "ETB BYN",
    "R": "ZAR", "\ufdfc": _RIYALS, "\u0631\u064a\u0627\u0644": _RIYALS,
    "\u0631\u06cc\u0627\u0644": _RIYALS, "\u20bf": "BTC",
    "p": "GBX", "pence": "GBX", "Pence": "GBX", "penny": "GBX", "agorot": "ILA",
    "Agorot": "ILA", "\u05d0\u05d2\u05f3": "ILA", "\u05d0\u05d2'": "ILA",
    "\u05d0\u05d2\u05d5\u05e8\u05d5\u05ea": "ILA",
}  # fmt: skip

_ONLY_OF_THEIR_LAND: Final = frozenset(["R", "KM", "Br", "\u0440", "\u0440."])
"""Too short, or too widely shared, to be believed outside the countries that pay with them."""

ONLY_BEHIND: Final = COINS | METALS | {"p", "\u0440", "\u0440.", "pence", "Pence", "penny"}
"""Signs that stand behind the number. `ETH 3,456.78` is what a coin costs, not so many coins."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A currency's sign in a text: the codes it may stand for, and the usual one if there is."""

    codes: frozenset[str]
    usual: str | None = None


def _signs() -> dict[str, Sign]:
    signs = {code: Sign(frozenset([code])) for code in CODES}
    signs |= {code: Sign(frozenset([code.upper()])) for code in NO_ENGLISH_WORDS}
    signs |= {spelling: Sign(frozenset([code])) for spelling, code in SPELLINGS.items()}
    for written, meant in _SIGNS.items():
        words = meant.split()
        usual = next((word[:-1] for word in words if word.endswith("!")), None)
        signs[written] = Sign(frozenset(word.rstrip("!") for word in words), usual)
    return signs


_TABLE: Final = _signs()
LONGEST_SIGN: Final = max(map(len, _TABLE))


def find_sign(text: str, habits: Habits | None) -> Sign | None:
    """Return what a sign stands for, on a page with these habits."""
    known = _TABLE.get(text)
    local = habits.symbols.get(text) if habits else None
    if text == "c" and habits and habits.territory == "ZA":
        return Sign(frozenset(["ZAC"]))
    if known is None:
        return Sign(local) if local else None
    if text in _ONLY_OF_THEIR_LAND and not (habits and known.codes & habits.own):
        return Sign(local) if local else None
    return Sign(known.codes | local, known.usual) if local else known


def agreed_currency(signs: list[tuple[str, Sign]], habits: Habits | None) -> str | None:
    """Return the one currency that all signs of a price mean, None where they leave it open.

    The country's own comes first, then what the language's readers take the sign for, then what
    it means anywhere. Raises Unreadable where the signs contradict one another.
    """
    if not signs:
        return None
    meant = frozenset.intersection(*(sign.codes for _, sign in signs))
    if not meant:
        raise Unreadable("it names two currencies")
    local = [habits.symbols.get(text, frozenset()) for text, _ in signs] if habits else []
    own = habits.own if habits else frozenset()
    usual = frozenset(sign.usual for _, sign in signs if sign.usual)
    for choice in (meant, meant & own, *(meant & codes for codes in local), meant & usual):
        if len(choice) == 1:
            return next(iter(choice))
    return None
