"""Thousands, millions and lakhs: the words behind a number that multiply it.

The same letter is a thousand here and a billion there, so a word counts only where all that is
known of the page agrees: what its locale means by it, and what everybody does. (A Chinese sign
for a trillion is missing below on purpose: in places it is a million, so only a locale can tell.)
"""

from typing import Final

from penstock.quotes.cldr import Habits
from penstock.quotes.separators import Unreadable

_EVERYWHERE: Final = {
    "k": 3, "K": 3, "M": 6, "MM": 6, "Mio": 6, "mio": 6, "MIO": 6, "mln": 6, "Mln": 6, "MLN": 6,
    "million": 6, "Million": 6, "millions": 6, "\u043c\u043b\u043d": 6, "Mrd": 9, "mrd": 9,
    "MRD": 9, "mld": 9, "Mld": 9, "Mia": 9, "mia": 9,
    "Md": 9, "Mds": 9, "md": 9, "mds": 9, "Tsd": 3, "tsd": 3,
    "milliard": 9, "Milliarde": 9,
    "\u043c\u043b\u0440\u0434": 9, "\u0442\u0440\u043b\u043d": 12, "\u0442\u044b\u0441": 3,
    "lakh": 5, "Lakh": 5, "lakhs": 5, "Lakhs": 5, "lac": 5, "Lac": 5, "lacs": 5, "Lacs": 5,
    "crore": 7, "Crore": 7, "crores": 7, "Crores": 7,
    "\u5343": 3, "\u4e07": 4, "\u842c": 4, "\u767e\u4e07": 6, "\u767e\u842c": 6,
    "\u5343\u4e07": 7, "\u5343\u842c": 7, "\u4ebf": 8, "\u5104": 8, "\u767e\u4ebf": 10,
    "\u5343\u4ebf": 11, "\u4e07\u4ebf": 12, "\ucc9c": 3, "\ub9cc": 4, "\uc5b5": 8, "\uc870": 12,
    "\u0932\u093e\u0916": 5, "\u0915\u0930\u094b\u0921\u093c": 7, "\u0915\u0930\u094b\u0921": 7,
}  # fmt: skip

_IN_ENGLISH: Final = {
    "thousand": 3, "Thousand": 3, "m": 6, "mn": 6, "Mn": 6, "MN": 6, "b": 9, "B": 9, "bn": 9,
    "Bn": 9, "BN": 9, "bln": 9, "billion": 9, "Billion": 9, "billions": 9, "T": 12, "tn": 12,
    "Tn": 12, "TN": 12, "trn": 12, "trillion": 12, "Trillion": 12, "trillions": 12,
}  # fmt: skip

_IN_INDIA: Final = {"Cr": 7, "cr": 7, "L": 5}
_INDIAN: Final = frozenset(["IN", "PK", "NP", "BD"])
_LETTERS: Final = 3
_MULTIPLIERS: Final = frozenset([3, 4, 5])
LONGEST_SCALE: Final = 16


def find_scale(word: str, habits: Habits | None) -> frozenset[int]:
    """Return the powers of ten that a word may mean on a page with these habits; none is no scale.

    More than one is a word that cannot be read.
    """
    word = word.removesuffix(".")
    powers = set(habits.scales.get(word, ())) if habits else set()
    everywhere = _EVERYWHERE.get(word)
    # Pages in other languages use the English letters too, but an English word is not theirs.
    borrowed = bool(powers) and len(word) <= _LETTERS
    spoken = habits is None or habits.language == "en" or borrowed
    english = _IN_ENGLISH.get(word) if spoken else None
    indian = _IN_INDIA.get(word) if habits and habits.territory in _INDIAN else None
    return frozenset(powers | {power for power in (everywhere, english, indian) if power})


def power_of(scales: list[frozenset[int]]) -> int:
    """Return the power of ten of the words together: a thousand millions (`mil M`) are 9.

    Raises Unreadable for a word that may mean several, and for words that nobody says together.
    """
    if any(len(powers) != 1 for powers in scales):
        raise Unreadable("its scale means different numbers to different people")
    powers = [next(iter(choices)) for choices in scales]
    if len(powers) > 1 and (len(powers) > 2 or powers[0] not in _MULTIPLIERS):  # noqa: PLR2004 - a pair
        raise Unreadable("it has scales that do not go together")
    return sum(powers)
