"""JSON bodies, read more strictly than the standard library does (RFC 8259, I-JSON of RFC 7493).

Refused: NaN and infinities, numbers too large for a float, the same name twice, halves of a
surrogate pair and U+0000 (which PostgreSQL cannot keep), nesting deeper than 32 levels
(security.md X4).
"""

import json
import math
from typing import Any, Final

from penstock.api.errors import MalformedRequest

_DEEPEST: Final = 32


def read_json(body: bytes) -> Any:  # noqa: ANN401 - it is whatever was sent
    """Return the value that a body holds. Raises MalformedRequest."""
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_once_each,
            parse_constant=_no_constant,
            parse_float=_number,
        )
        _check_texts(value)
    except RecursionError:
        raise MalformedRequest("The body is nested too deeply.") from None
    except UnicodeError:
        raise MalformedRequest("The body is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise MalformedRequest(f"The body is not JSON (character {error.pos}).") from None
    except ValueError as error:
        raise MalformedRequest(f"The body is no JSON that we take: {error}.") from None
    return value


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return fields


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not a number")


def _number(text: str) -> float:
    """Read a number with a point or an exponent; 1.0 is a whole one, as JSON Schema has it."""
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return int(number) if number.is_integer() else number


def _check_texts(value: object, depth: int = 0) -> None:
    if depth > _DEEPEST:
        raise ValueError(f"it is nested deeper than {_DEEPEST} levels")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, list):
        for one in value:
            _check_texts(one, depth + 1)
    elif isinstance(value, dict):
        for name, one in value.items():
            _check_text(name)
            _check_texts(one, depth + 1)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise ValueError("a text holds U+0000")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("a text holds half of a surrogate pair")
