"""What is not fresh, said beside everything that is read, so that nothing old looks new."""

from typing import TYPE_CHECKING, Any

from penstock.cli.client import Client
from penstock.cli.terminal import say
from penstock.cli.words import age, remedy_text
from penstock.domain.clock import utc_now
from penstock.domain.imported import FILES
from penstock.domain.remedy import unreadable

if TYPE_CHECKING:
    from datetime import datetime

    from rich.text import Text

_STYLES = {
    "fresh": "green",
    "imported": "green",
    "stale": "yellow",
    "never": "yellow",
    "failing": "red",
}


async def say_what_is_not_fresh(client: Client) -> None:
    """Say which live connections are not fresh, or not whole, and what to do about each."""
    now = utc_now()
    async for row in client.pages("/v1/connections"):
        if row["disconnected_at"] is None:
            _say(row, f"{row['name']} ({row['id']})", now)


def _say(row: dict[str, Any], name: str, now: "datetime") -> None:
    hint = unreadable(row["quarantined"]).text if row["quarantined"] else ""
    other = remedy_text(row["remedy"])
    cure = f"Run `penstock sync {row['id']}`." if other in ("", hint) else other
    if row["connector"] == FILES:
        cure = "Import a file: `penstock import FILE`."
    if row["freshness"]["state"] not in ("fresh", "imported"):
        say(f"{name} is not fresh: {in_words(row, now)}. {cure}")
    elif row["paused"]:
        say(f"{name} is not whole: {cure}")
    if hint:
        say(f"{name} is not whole: {hint}")


def freshness(row: dict[str, Any], now: "datetime") -> "Text":
    """Return how fresh a connection or an account is, with its colour."""
    from rich.text import Text

    if row.get("disconnected_at"):
        return Text(f"disconnected {age(row['disconnected_at'], now)}", style="dim")
    return Text(in_words(row, now), style=_STYLES.get(row["freshness"]["state"], "red"))


def in_words(row: dict[str, Any], now: "datetime") -> str:
    """Return the state and the age of what a connection or an account shows."""
    fresh = row["freshness"]
    if fresh["last_success_at"] is None:
        return "never read" if fresh["state"] == "never" else f"{fresh['state']}, never read"
    if fresh["state"] == "imported":
        return f"imported {age(fresh['last_success_at'], now)}"
    return f"{fresh['state']}, read {age(fresh['last_success_at'], now)}"
