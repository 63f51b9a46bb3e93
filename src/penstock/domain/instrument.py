"""What is priced, written in one way, and the numbers that name securities, checked.

SAP:XETR          a ticker on an exchange, by its ISO 10383 market identifier code (MIC)
AAPL:US           an American ticker whose exchange nobody named
DE0007164600      a security, by its ISIN (ISO 6166), wherever it is traded
DE0007164600:XETR the same on one exchange
EUR/USD           a pair: what one unit of the first costs in the second
"""

import re
from typing import Final

AMERICAN: Final = "US"
"""Stands where a MIC stands, for any exchange of the United States."""

HOME: Final = ("XNAS", "XNYS", "ARCX", "XASE")
"""Exchanges of the United States on which a ticker is listed: on one of them, and never on two.

They reserve tickers in common (the Symbols Plan, release 34-58904 of the SEC).
"""

_ISIN: Final = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")
_CUSIP: Final = re.compile(r"[A-Z0-9*@#]{8}[0-9]")
_FIGI: Final = re.compile(
    r"(?!BS|BM|GG|GB|GH|KY|VG)[B-DF-HJ-NP-TV-Z]{2}G[B-DF-HJ-NP-TV-Z0-9]{8}[0-9]"
)
_MIC: Final = re.compile(r"[A-Z0-9]{4}")
_TICKER: Final = re.compile(r"[A-Z0-9][A-Z0-9.&-]{0,19}")
_CUSIP_SIGNS: Final = {"*": 36, "@": 37, "#": 38}


def written(text: str) -> str:
    """Return a name in capitals; empty for what has letters that only look like ours.

    Some of them would become ours: the capital of a long s (U+017F) is S.
    """
    return text.strip().upper() if text.isascii() else ""


def of_listing(ticker: str, mic: str = AMERICAN) -> str | None:
    """Return a ticker on an exchange as an instrument; None for what is neither."""
    ticker, mic = written(ticker), written(mic)
    if not _TICKER.fullmatch(ticker) or not (is_mic(mic) or mic == AMERICAN):
        return None
    return f"{ticker}:{mic}"


def at_home(listing: str) -> str:
    """Return an American listing as one of any exchange there: AAPL:US for AAPL:XNAS."""
    ticker, _, mic = listing.partition(":")
    return f"{ticker}:{AMERICAN}" if mic in HOME and not looks_like_isin(ticker) else listing


def alike(instrument: str) -> tuple[str, ...]:
    """Return the instruments whose prices are those of this one too, itself the last."""
    home = at_home(instrument)
    ticker, _, mic = home.partition(":")
    if mic != AMERICAN:
        return (instrument,)
    others = (home, *(f"{ticker}:{each}" for each in HOME))
    return (*(one for one in others if one != instrument), instrument)


def of_isin(isin: str, mic: str | None = None) -> str | None:
    """Return an ISIN, on an exchange where one is given, as an instrument; None for what is not."""
    isin, mic = written(isin), written(mic) if mic else None
    if not is_isin(isin) or (mic and not is_mic(mic)):
        return None
    return f"{isin}:{mic}" if mic else isin


def is_mic(text: str) -> bool:
    """Say whether a text has the form of a market identifier code: four letters and digits."""
    return bool(_MIC.fullmatch(text))


def looks_like_isin(text: str) -> bool:
    """Say whether a text has the form of an ISIN, right or not."""
    return bool(_ISIN.fullmatch(text))


def is_isin(text: str) -> bool:
    """Say whether a text is an ISIN with the right check digit (ISO 6166, annex A).

    Letters count as two digits (A is 10), then every second digit from the right is doubled.
    """
    if not _ISIN.fullmatch(text):
        return False
    digits = "".join(str(int(letter, 36)) for letter in text)
    doubled = "".join(
        str(int(digit) * (2 if place % 2 else 1)) for place, digit in enumerate(reversed(digits))
    )
    return _sum_of_digits(doubled) % 10 == 0


def is_cusip(text: str) -> bool:
    """Say whether a text is a CUSIP with the right check digit (ANSI X9.6)."""
    return bool(_CUSIP.fullmatch(text)) and _check_digit(text[:-1]) == int(text[-1])


def is_figi(text: str) -> bool:
    """Say whether a text is a FIGI with the right check digit (ANSI X9.145)."""
    return bool(_FIGI.fullmatch(text)) and _check_digit(text[:-1]) == int(text[-1])


def isin_of_cusip(cusip: str, country: str = AMERICAN) -> str | None:
    """Return the ISIN of a CUSIP of the United States (or of CA, BM, …); None for what is none."""
    if not is_cusip(cusip):
        return None
    return next(
        (f"{country}{cusip}{n}" for n in range(10) if is_isin(f"{country}{cusip}{n}")), None
    )


def _check_digit(text: str) -> int:
    """Return the digit that CUSIP and FIGI put behind: every second sign counts twice."""
    total = 0
    for place, letter in enumerate(text):
        value = _CUSIP_SIGNS[letter] if letter in _CUSIP_SIGNS else int(letter, 36)
        total += _sum_of_digits(str(value * (2 if place % 2 else 1)))
    return -total % 10


def _sum_of_digits(text: str) -> int:
    return sum(map(int, text))
