"""The three letters of a currency, and the units that exchanges quote in.

ISO 4217 as of 2026 (what is legal tender somewhere, and what lately was, for old pages), the
offshore yuan, precious metals, the coins that pages quote most, and minor units by the codes
that exchanges use: pence GBX, agorot ILA, South African cents ZAC, American cents USX.
"""

import re
from typing import Final

from penstock.domain.pegs import FIXED

MINOR_UNITS: Final = frozenset(["GBX", "ILA", "ZAC", "USX"])

ISO: Final = frozenset(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN
    BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL
    GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF
    KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN
    MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD
    SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
    USD UYU UZS VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
    ANG CUC HRK LTL LVL EEK SKK SLL ZWL CLF UYI CNH
    """.split()
)

COINS: Final = frozenset("BTC ETH LTC XRP SOL BNB ADA DOGE USDT USDC".split())
MORE_COINS: Final = frozenset(
    "AAVE ALGO ATOM AVAX BCH DAI DOT ETC HBAR LINK NEAR SHIB SUI TON TRX UNI XLM XMR".split()
)
"""Coins that may be one side of a pair, but are no currency in a text: most are words."""

METALS: Final = frozenset("XAU XAG XPT XPD".split())

CODES: Final = ISO | COINS | METALS | MINOR_UNITS

NO_ENGLISH_WORDS: Final = frozenset(
    """
    aud brl cad chf clp cny czk dkk eur gbp hkd huf idr ils inr jpy krw mxn myr nok nzd php pln
    ron rub sek sgd thb twd uah usd vnd zar btc eth usdt usdc xau xag
    """.split()
)
"""Codes that may be written small: `all`, `top` and `try` are words before they are money."""

SPELLINGS: Final = {
    "GBp": "GBX",
    "GBx": "GBX",
    "GBP": "GBP",
    "ILa": "ILA",
    "ZAc": "ZAC",
    "ZAX": "ZAC",
    "USc": "USX",
    "XBT": "BTC",
    "RMB": "CNY",
    "NIS": "ILS",
    "TL": "TRY",
    "Eur": "EUR",
}
"""Codes in other letters: pence differ from pounds by a small p alone."""

CODE: Final = "[A-Za-z][A-Za-z0-9]{1,11}"
"""What may be a currency's code: that of a coin is longer, and has digits now and then."""

KNOWN: Final = CODES | MORE_COINS | FIXED.keys()
"""All money that we know of, with what the euro replaced."""


_CODE: Final = re.compile(CODE)


def code_of(text: str) -> str | None:
    """Return a code as we write it; None for what has not the form of one.

    In capitals, however it was written, but pence (GBp) are GBX, and never pounds.
    """
    if not _CODE.fullmatch(text):
        return None
    capitals = text.upper()
    return SPELLINGS.get(text) or SPELLINGS.get(capitals, capitals)
