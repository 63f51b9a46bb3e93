"""A sync in a line of a table: what it did, what it waited for, and why it ended so."""

from typing import TYPE_CHECKING, Final

from penstock.cli.listing import Column, Row, plain
from penstock.cli.words import at, minute, remedy_text

if TYPE_CHECKING:
    from rich.text import Text

RUNNING: Final = "running"
QUEUED: Final = "queued"
UNDER_WAY: Final = frozenset({RUNNING, QUEUED})
DONE: Final = "done"

_STYLES = {DONE: "green", RUNNING: "", QUEUED: "", "throttled": "yellow", "not_ready": "yellow"}


def outcome(row: Row) -> "Text":
    """Return how a sync ended, with its colour: only `done` is green."""
    from rich.text import Text

    word = row["outcome"]
    if row.get("undone_at"):
        return Text("undone", style="dim")
    return Text(word.replace("_", " "), style=_STYLES.get(word, "red"))


def count(name: str) -> Column:
    """Return the column of one count."""
    return Column(name, lambda row, _: str(row["counts"][name]), right=True)


def waits(row: Row) -> str:
    """Name what a sync waited for, and how long."""
    counts = row["counts"]
    named = [
        f"{counts['throttled']} x 429" if counts["throttled"] else "",
        f"{counts['retries']} sent again" if counts["retries"] else "",
        f"{counts['restarts']} begun anew" if counts["restarts"] else "",
        f"waited {counts['waited_ms'] / 1000:.1f} s" if counts["waited_ms"] else "",
    ]
    return ", ".join(filter(None, named))


def took(row: Row) -> str:
    """Return how long a sync took."""
    if row["finished_at"] is None:
        return ""
    return f"{(at(row['finished_at']) - at(row['started_at'])).total_seconds():.1f} s"


def why(row: Row) -> str:
    """Return why a sync did not end well, and what to do about it."""
    return " ".join(filter(None, [_sentence(row["message"] or ""), remedy_text(row["remedy"])]))


def _sentence(text: str) -> str:
    """End a message with a full stop: it may end with words of somebody else."""
    return f"{text}." if text and text[-1] not in ".!?" else text


COUNTS: Final = tuple(
    count(name)
    for name in (
        "pages",
        "inserted",
        "changed",
        "unchanged",
        "removed",
        "paired",
        "linked",
        "quarantined",
    )
)
COLUMNS: Final = (
    plain("id", "id"),
    Column("began (UTC)", lambda row, _: minute(row["started_at"])),
    plain("connection", "connection_id"),
    Column("outcome", lambda row, _: outcome(row)),
    *COUNTS,
    Column("waits", lambda row, _: waits(row)),
    Column("took", lambda row, _: took(row), right=True),
    Column("why", lambda row, _: why(row)),
)
