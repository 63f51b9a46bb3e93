"""Currencies, and how many digits follow the point (ISO 4217, list one, of 2026-01-01)."""

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


NO_CURRENCY: Final = "XXX"
"""What ISO 4217 writes where there is none, and banks also where there are several."""


def minor_digits(currency: str) -> int:
    """Return how many decimals the currency's smallest unit has; 2 where nothing else is known."""
    return _DIGITS.get(currency, 2)
