"""Currencies, and how many digits follow the point (ISO 4217, list one, of 2026-01-01)."""

from decimal import Decimal
from typing import Final

_DIGITS: Final = {
    **dict.fromkeys(
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0
    ),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
    "BTC": 8,
    "ETH": 18,
}


def minor_digits(currency: str) -> int:
    """Return how many decimals the currency's smallest unit has; 2 where nothing else is known."""
    return _DIGITS.get(currency, 2)


_MINOR_UNITS: Final = {"GBX": "GBP", "ILA": "ILS", "ZAC": "ZAR", "USX": "USD"}
_HUNDREDTH: Final = Decimal("0.01")
_ONE: Final = Decimal(1)


def in_whole_units(currency: str) -> tuple[str, Decimal]:
    """Return a currency and what one of it is: GBX are hundredths of GBP, EUR is one EUR.

    These units of exchanges (pence, agorot, cents) are in no list of ISO 4217.
    """
    whole = _MINOR_UNITS.get(currency)
    return (whole, _HUNDREDTH) if whole else (currency, _ONE)
