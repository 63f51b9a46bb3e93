"""The temporary table of the rows that a merge is about to write: found once, then used twice.

First their images are kept (images.py), then they are changed. It is emptied before each use.
"""

from collections.abc import Iterable

from penstock.db.statements import Statements


def make(statements: Statements) -> None:
    """Make the table for this transaction."""
    statements.make("touched (id bigint PRIMARY KEY)")


def found(statements: Statements, query: str) -> int:
    """Put the row numbers that a query gives into it, in place of the last; count them."""
    statements.do("DELETE FROM touched")
    count = statements.do(f"INSERT INTO touched (id) {query}")
    _tell_planner(statements)
    return count


def rows(statements: Statements, numbers: Iterable[int]) -> None:
    """Put these row numbers into it, in place of the last."""
    statements.do("DELETE FROM touched")
    for number in numbers:
        statements.do(
            "INSERT INTO touched (id) VALUES (:id) ON CONFLICT DO NOTHING", {"id": number}
        )
    _tell_planner(statements)


def _tell_planner(statements: Statements) -> None:
    """Let PostgreSQL know how few they are, or it reads the whole of a table to find them."""
    if statements.kind == "postgresql":
        statements.do("ANALYZE touched")
