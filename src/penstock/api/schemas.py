"""What bodies are made of: strict on the way in, exact on the way out."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class Incoming(BaseModel):
    """A body that is sent to us: no unknown fields, no text that stands for a number."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Outgoing(BaseModel):
    """A body that we send."""

    model_config = ConfigDict(frozen=True)


def _day(value: Any) -> Any:  # noqa: ANN401 - whatever was sent
    if isinstance(value, date) or value is None:
        return value
    if isinstance(value, str) and _DAY.fullmatch(value):
        return date.fromisoformat(value)
    raise ValueError("write a day as YYYY-MM-DD")


def _whole(value: Any) -> Any:  # noqa: ANN401 - whatever was sent
    return int(value) if isinstance(value, float) and value.is_integer() else value


Day = Annotated[date, BeforeValidator(_day)]
"""A day, `2026-11-30`; no other way of writing one is taken."""

Whole = Annotated[int, BeforeValidator(_whole)]
"""A whole number; 1.0 is one in JSON Schema."""

Amount = Annotated[
    Decimal,
    PlainSerializer(lambda amount: format(amount, "f"), return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "examples": ["-12.50"]}),
]
"""An exact decimal, which travels as a string."""
