"""`penstock budgets`: how often each bank may be asked, what is left, and who is left alone."""

from typing import Any

import click

from penstock.cli.flags import Command, Flags, as_json, pass_flags


@click.command(cls=Command)
@as_json
@pass_flags
def budgets(flags: Flags, *, as_json: bool) -> None:
    """Show how often each bank may be asked, what is left of it, and which are left alone."""
    from penstock.cli.client import Client
    from penstock.cli.door import ask
    from penstock.cli.terminal import print_json

    async def work(client: Client) -> dict[str, Any]:
        first = await client.get("/v1/budgets", {"limit": 1})
        return {
            "limits": first["limits"],
            "budgets": [row async for row in client.pages("/v1/budgets")],
            "breakers": [row async for row in client.pages("/v1/breakers")],
        }

    found = ask(flags, work)
    if as_json:
        print_json(found)
    else:
        _show(found)


def _show(found: dict[str, Any]) -> None:
    from penstock.cli.listing import Column, Seen, plain, print_rows
    from penstock.cli.terminal import say
    from penstock.cli.words import minute
    from penstock.domain.clock import utc_now

    seen = Seen(utc_now())
    whose = (plain("bank", "connector"), Column("of", lambda row, _: _whose(row)))
    if found["limits"]:
        limit = Column("at most", lambda row, _: _limit(row))
        print_rows((*whose, limit), found["limits"], seen)
    else:
        say("No limit is set: what a bank itself says is kept all the same.")
    if found["budgets"]:
        columns = (
            *whose,
            Column("at most", lambda row, _: _limit(row)),
            plain("left", "left", right=True),
            Column("next call", lambda row, _: minute(row["free_at"])),
        )
        print_rows(columns, found["budgets"], seen)
    if found["breakers"]:
        states = (
            plain("bank", "connector"),
            plain("institution", "institution_id"),
            plain("state", "state"),
            Column("tried again", lambda row, _: minute(row["probe_at"])),
        )
        print_rows(states, found["breakers"], seen)
    else:
        say("No bank is left alone for trouble of its own.")


def _whose(row: dict[str, Any]) -> str:
    name = row.get("account_id") or row.get("connection_id")
    whose = name or {"app": "everybody"}.get(row["scope"], f"each {row['scope']}")
    return f"{whose}, {row['endpoint']}" if row["endpoint"] else str(whose)


def _limit(row: dict[str, Any]) -> str:
    if row["calls"] is None:
        told = row["told"] or {}
        return f"{told['limit']}, says the bank" if told.get("limit") else "as the bank says"
    seconds = row["window_seconds"]
    word = {1: "s", 60: "min", 3600: "h", 86_400: "day"}.get(seconds, f"{seconds} s")
    return f"{row['calls']}/{word}"
