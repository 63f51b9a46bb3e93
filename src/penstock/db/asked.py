"""Many texts as one parameter of a statement, and texts that any database keeps."""

import json
from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql


def texts(connection: sa.Connection, asked: Collection[str]) -> sa.CTE:
    """Return a table with a column `text`: one parameter, however many they are."""
    listed = sa.literal(json.dumps(sorted(set(map(clean, asked)))), sa.Text)
    value = sa.column("value", sa.Text)
    if connection.dialect.name == "postgresql":
        each = sa.func.jsonb_array_elements_text(sa.cast(listed, postgresql.JSONB))
    else:
        each = sa.func.json_each(listed)
    return sa.select(each.table_valued(value).c.value.label("text")).cte("asked")


def clean(text: str) -> str:
    """Return a text that any database keeps: PostgreSQL has no NUL, and UTF-8 no half characters.

    What others write is anything.
    """
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
