"""Texts with words of a symbol in them: `https://www.example.com/quote/{ticker}:{exchange}`."""

import re
from collections.abc import Collection, Mapping
from typing import Final

LISTING: Final = frozenset(["ticker", "mic", "exchange", "suffix", "country"])
PAIR: Final = frozenset(["base", "quote"])
ISIN: Final = frozenset(["isin", "mic", "exchange", "country"])
ASKED: Final = frozenset(["id", "symbol", "symbols"])
"""What a declaration makes itself: the source's id and name of a symbol, and several of these."""

WORDS: Final = LISTING | PAIR | ISIN | ASKED

_PLACEHOLDER: Final = re.compile(rf"\{{({'|'.join(sorted(WORDS))})\}}")
_ANY: Final = re.compile(r"\{([^{}]*)\}")


def fill(template: str, words: Mapping[str, str]) -> str:
    """Put a symbol's words into a template. Raises KeyError for a word that it has not."""
    return _PLACEHOLDER.sub(lambda found: words[found[1]], template)


def fits(template: str, words: Mapping[str, str]) -> bool:
    """Say whether a symbol has all the words that a template asks for."""
    return all(found in words for found in _PLACEHOLDER.findall(template))


def words_in(template: str) -> frozenset[str]:
    """Return the words that a template asks for."""
    return frozenset(_PLACEHOLDER.findall(template))


def check_words(template: str, known: Collection[str], where: str) -> None:
    """Raise ValueError for a word in a template that nothing of its kind has."""
    for word in _ANY.findall(template):
        if word not in known:
            allowed = ", ".join(f"{{{name}}}" for name in sorted(known))
            raise ValueError(f"{where}: there is no word {{{word}}} here, only {allowed}")
