"""Rows as bytes, the fast way: msgspec writes them, and a pydantic model says what they look like.

A model is declared once. The struct made from it has its fields, in its order, and no types: the
database gives what is to be written (db/matching.py, `plain`), and nothing is checked on the way
out.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from pydantic import BaseModel
from starlette.responses import Response

MEDIA_TYPE: Final = "application/json"

Row = Callable[..., msgspec.Struct]
"""Makes a row of its values, in the order of the model's fields."""

encode: Final = msgspec.json.Encoder().encode
"""Return one value as JSON, in UTF-8."""


def row_of(model: type[BaseModel], *, kind: str | None = None) -> Row:
    """Return what makes the rows that `model` describes; its field `kind`, if any, comes first."""
    fields = [name for name in model.model_fields if name != "kind"]
    tag: dict[str, Any] = {"tag_field": "kind", "tag": kind} if kind else {}
    made: Any = msgspec.defstruct(f"{model.__name__}Row", fields, gc=False, **tag)  # no cycles
    row: Row = made
    return row


def answer(rows: Sequence[msgspec.Struct], next_cursor: str | None, **more: object) -> Response:
    """Return a page of rows as an answer."""
    return Response(
        encode({"rows": rows, "next_cursor": next_cursor, **more}), media_type=MEDIA_TYPE
    )
