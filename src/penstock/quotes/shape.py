"""The shape that a price's text must have, written as a pattern over its tokens.

One letter a token: N numeral, C currency, S scale, L label, A arrow, and `% + - ~ ( )` for
themselves (`~` is a dash, a weaker minus); `_` is a gap that may separate. What does not match from
end to end is no price that we can tell.
"""

import re
from dataclasses import dataclass
from typing import Final

from penstock.quotes.separators import NARROW_SPACES, Unreadable
from penstock.quotes.tokens import Kind, Token

_LETTERS: Final = {
    Kind.NUMERAL: "N",
    Kind.CURRENCY: "C",
    Kind.SCALE: "S",
    Kind.LABEL: "L",
    Kind.ARROW: "A",
    Kind.PERCENT: "%",
    Kind.OPEN: "(",
    Kind.CLOSE: ")",
}
_PRICE: Final = (
    r"(?P<label>L_)?(?P<before>(?:[C%(]_?|[+~-])*)(?P<number>N)(?P<behind>(?:_?S)*-?(?:_?[C%)])*)"
)
_SIGNED: Final = r"(?P<sign>[+~-]|A_?)(?:C_?)?(?P<by>N)(?:_?C)?"
_SHARE: Final = r"(?:\(_?(?:[+~-]|A_?)?N_?%_?\)|(?:[+~-]|A_?)N_?%)"
_WHOLE: Final = re.compile(
    rf"{_PRICE}(?P<change>(?P<gap>_?){_SIGNED}(?:_?(?P<share>{_SHARE}))?|_(?P<alone>{_SHARE}))?"
)
_DOWN: Final = frozenset("\u25bc\u25bd\u2193")


@dataclass(frozen=True, slots=True)
class Shape:
    """A price's tokens by the part they play; `by` is the number of a change that must be small."""

    label: Token | None
    before: list[Token]
    number: Token
    behind: list[Token]
    negative: bool
    percent: bool
    by: Token | None = None


def shape_of(text: str, tokens: list[Token]) -> Shape:
    """Sort the tokens of a text into a price and what follows it. Raises Unreadable."""
    letters, places = _spelt(text, tokens)
    found = _WHOLE.fullmatch(letters)
    if found is None:
        raise Unreadable("it is not one number with a currency")
    before, behind = found["before"], found["behind"]
    _check_brackets(before, behind)
    if found["change"]:
        _check_change(found, tokens, places)
    if found["label"] and re.search(r"[-+~(%]", before + behind):
        raise Unreadable("a label and a sign stand before its number")
    return Shape(
        label=tokens[0] if found["label"] else None,
        before=[tokens[at] for at in _within(places, found.span("before"))],
        number=tokens[places[found.start("number")]],
        behind=[tokens[at] for at in _within(places, found.span("behind"))],
        negative=bool(re.search(r"[-~(]", before + behind)),
        percent="%" in before + behind,
        by=_doubtful(found, tokens, places),
    )


def _spelt(text: str, tokens: list[Token]) -> tuple[str, list[int]]:
    """Return the letters of the tokens and gaps, and for each letter the token's number."""
    letters, end = "", 0
    places: list[int] = []
    for number, token in enumerate(tokens):
        if letters and text[end : token.start].strip(NARROW_SPACES):
            letters, places = f"{letters}_", [*places, number]
        letters += _letter(token)
        places.append(number)
        end = token.end
    return letters, places


def _letter(token: Token) -> str:
    if token.kind is Kind.SIGN:
        return "~" if token.text == "\u2013" else token.text
    return _LETTERS[token.kind]


def _within(places: list[int], span: tuple[int, int]) -> list[int]:
    return sorted(set(places[span[0] : span[1]]))


def _check_brackets(before: str, behind: str) -> None:
    """Brackets mean minus, and minus is said once; a share in percent is in no currency."""
    around = before + behind
    opened = before.count("(")
    if opened != behind.count(")") or opened > 1:
        raise Unreadable("its brackets do not close")
    if len(re.findall(r"[-+~]", around)) + opened > 1:
        raise Unreadable("it has more than one sign")
    if "%" in around and (around.count("%") > 1 or re.search(r"[CS(]", around)):
        raise Unreadable("it is a percentage and something else")


def _check_change(found: re.Match[str], tokens: list[Token], places: list[int]) -> None:
    """A change stands behind a plain price, and its two figures point the same way."""
    if re.search(r"[-+~(%)]", found["before"] + found["behind"]):
        raise Unreadable("it is not one number with a currency")
    start, end = found.span("change")
    ways = {
        _points_down(tokens[at])
        for at in _within(places, (start, end))
        if tokens[at].kind in (Kind.SIGN, Kind.ARROW)
    }
    if len(ways) > 1:
        raise Unreadable("its change goes up and down at once")
    if found["by"] and not found["share"] and (found["gap"] == "" or "C" in found["change"]):
        raise Unreadable("it looks like a range")


def _points_down(token: Token) -> bool:
    return token.text in _DOWN or token.text in "-\u2013"


def _doubtful(found: re.Match[str], tokens: list[Token], places: list[int]) -> Token | None:
    """Return the second number of `12.50 -13.00`, which is a range unless it is small."""
    if found["by"] and not found["share"]:
        return tokens[places[found.start("by")]]
    return None
