"""A price's text, cut into what it is made of: numerals, signs, currencies, scales, brackets.

Everything in the text must be one of these. What is not, a word or a mark that we do not know,
may change what the number means, so the text is refused.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from penstock.quotes.cldr import Habits
from penstock.quotes.currency_signs import LONGEST_SIGN, Sign, find_sign
from penstock.quotes.scales import LONGEST_SCALE, find_scale
from penstock.quotes.separators import MARKS, NARROW_SPACES, Unreadable
from penstock.quotes.written import bare


class Kind(StrEnum):
    """What a piece of the text is."""

    NUMERAL = "numeral"
    CURRENCY = "currency"
    SCALE = "scale"
    PERCENT = "percent"
    SIGN = "sign"
    ARROW = "arrow"
    OPEN = "("
    CLOSE = ")"
    LABEL = "label"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text, and where it stands.

    A numeral has its digits in `run`, the power of ten written behind an `e` in `exponent`, and in
    `no_cents` the decimal sign of `5.-`. A word may be both a currency and a scale.
    """

    kind: Kind
    text: str
    start: int
    end: int
    run: str = ""
    exponent: int | None = None
    no_cents: str | None = None
    sign: Sign | None = None
    powers: frozenset[int] = frozenset()


_BETWEEN: Final = rf"[{MARKS}]| (?=\d{{3}}(?!\d))|[{NARROW_SPACES}](?=\d{{2,3}}(?!\d))"
_NUMERAL: Final = re.compile(
    rf"(?P<run>[.,\u066b]?\d+(?:(?:{_BETWEEN})\d+)*)"
    r"(?:[eE](?P<exponent>[+-]?\d{1,3})(?![\d.,])"
    r"|(?P<no_cents>[.,:])(?:[-\u2013\u2014]{1,2}|=)(?!\d)"
    r"|/[-=](?!\d))?"
)
_UP_TO_NUMBER: Final = re.compile(r"[^\W\d_](?:[^\d()+%]*[^\d()+%\s,-])?")
_GAP: Final = re.compile(rf"[\n {NARROW_SPACES}]+")
_MARKS: Final = {
    "%": Kind.PERCENT,
    "+": Kind.SIGN,
    "-": Kind.SIGN,
    "\u2013": Kind.SIGN,
    "(": Kind.OPEN,
    ")": Kind.CLOSE,
    **dict.fromkeys("\u25b2\u25bc\u25b3\u25bd\u2191\u2193", Kind.ARROW),
}
_LABEL: Final = re.compile(
    r"\^?[A-Z]+(?:[.&=-][A-Z]+)*(?=\s)"
    r"|(?i:price|last|kurs|preis|prix|cours|precio|prezzo|cena|\u4ef7\u683c|\u80a1\u4ef7)\s*:?(?=\s)"
)
_FIGURES: Final = frozenset(
    """
    ASK ATH ATL AVG BETA BID CAP CHANGE CHG CLOSE DIV EPS FROM HI HIGH LO LOW MAX MIN NAV NET NO
    NOT OPEN PB PE PEG PREV PS QTY ROE RSI SMA TARGET TO TTM VAR VOL VOLUME VWAP YLD YTD
    """.split()
)
"""What capitals in front of a number also name: figures about a price that are not the price."""


def tokens_of(text: str, habits: Habits | None) -> list[Token]:
    """Cut a plain text (written.py) into tokens. Raises Unreadable at what we do not know."""
    tokens: list[Token] = []
    place = _skip(text, 0)
    while place < len(text):
        token = _token_at(text, place, habits, first=not tokens)
        tokens.append(token)
        place = _skip(text, token.end)
    return tokens


def _skip(text: str, place: int) -> int:
    gap = _GAP.match(text, place)
    return gap.end() if gap else place


def _token_at(text: str, place: int, habits: Habits | None, *, first: bool) -> Token:
    numeral = _NUMERAL.match(text, place)
    if numeral:
        exponent = numeral["exponent"]
        return Token(
            Kind.NUMERAL,
            numeral[0],
            place,
            numeral.end(),
            run=numeral["run"],
            exponent=int(exponent) if exponent else None,
            no_cents=numeral["no_cents"],
        )
    kind = _MARKS.get(text[place])
    if kind:
        return Token(kind, text[place], place, place + 1)
    word = _word_at(text, place, habits)
    token = _name_at(text, place, habits, word) or word
    token = token or (_label_at(text, place) if first else None)
    if token is None:
        raise Unreadable(f"nobody told us what {_shown(text, place)!r} means")
    return token


def _word_at(text: str, place: int, habits: Habits | None) -> Token | None:
    """Return the longest currency sign or scale that stands here as a word of its own."""
    for length in range(min(max(LONGEST_SIGN, LONGEST_SCALE), len(text) - place), 0, -1):
        end = place + length
        if not _is_whole(text, place, end):
            continue
        word = bare(text[place:end])
        sign, powers = find_sign(word, habits), find_scale(word, habits)
        if len(word) == length and (sign or powers):
            kind = Kind.CURRENCY if sign else Kind.SCALE
            end = _after_full_stop(text, end)
            return Token(kind, word, place, end, sign=sign, powers=powers)
    return None


def _after_full_stop(text: str, end: int) -> int:
    """Take the point of an abbreviation along, unless a fraction begins with it."""
    stop = text[end - 1].isalpha() and text[end : end + 1] == "."
    return end + 1 if stop and not text[end + 1 : end + 2].isdigit() else end


def _label_at(text: str, place: int) -> Token | None:
    label = _LABEL.match(text, place)
    if label is None or label[0] in _FIGURES:
        return None
    return Token(Kind.LABEL, label[0], place, label.end())


def _name_at(text: str, place: int, habits: Habits | None, word: Token | None) -> Token | None:
    """Read all letters up to the number, or to the end, as a currency's name in that language."""
    rest = _UP_TO_NUMBER.match(text, place)
    if habits is None or rest is None or (word and rest.end() <= word.end):
        return None
    codes = habits.names.get(bare(rest[0]).casefold())
    if codes is None:
        return None
    return Token(Kind.CURRENCY, rest[0], place, rest.end(), sign=Sign(codes))


def _is_whole(text: str, start: int, end: int) -> bool:
    """Say whether a word ends where a piece of text does: `K` is no word in `K\u010d`."""
    return _parts(text, start) and _parts(text, end)


def _parts(text: str, place: int) -> bool:
    """Say whether two words may meet here. Chinese, Japanese, Korean and Thai leave no gap."""
    if place in (0, len(text)):
        return True
    left, right = text[place - 1], text[place]
    return not (_joins(left) and _joins(right)) or any(map(_is_unspaced, (left, right)))


def _joins(letter: str) -> bool:
    # Vowel signs and accents of many scripts are no letters, but belong to the word.
    return letter.isalpha() or (not letter.isascii() and _is_mark(letter))


def _is_mark(letter: str) -> bool:
    return unicodedata.category(letter).startswith("M")


def _is_unspaced(letter: str) -> bool:
    return "\u0e00" <= letter <= "\u0e7f" or "\u2e80" <= letter <= "\ud7af"


def _shown(text: str, place: int) -> str:
    return text[place : place + 16]
