"""`penstock token`: personal access tokens, for scripts."""

import click

from penstock.cli.flags import Command, Commands, Flags, as_json, named_as, pass_flags
from penstock.cli.terminal import print_json, print_table, say


@click.group(cls=Commands)
def token() -> None:
    """Make, list and end tokens for scripts. A script sends its token as PENSTOCK_TOKEN."""


@token.command(cls=Command)
@click.argument("name")
@named_as(
    "--scope",
    twin="TOKEN_CREATE_SCOPE",
    multiple=True,
    metavar="SCOPE",
    help="What it is good for; again for more.",
)
@click.option("--days", type=click.IntRange(1, 365), default=90, help="How long; 90 by default.")
@as_json
@pass_flags
def create(flags: Flags, name: str, scope: tuple[str, ...], days: int, *, as_json: bool) -> None:
    """Make a token called NAME. It is printed this once, and stored nowhere.

    Without --scope it may read. `export` besides lets it export everything.
    """
    from penstock.cli.client import Client
    from penstock.cli.door import ask

    body = {"name": name, "scopes": list(scope or ("read",)), "days": days}

    async def work(client: Client) -> dict[str, object]:
        made: dict[str, object] = (await client.ask("POST", "/v1/tokens", body=body)).json()
        return made

    made = ask(flags, work)
    if as_json:
        print_json(made)
    else:
        click.echo(made["token"])
    say(f"{made['id']} is good until {made['expires_at']}. It is not shown again.")


@token.command("list", cls=Command)
@as_json
@pass_flags
def list_(flags: Flags, *, as_json: bool) -> None:
    """List the tokens that are good, without the tokens themselves."""
    from penstock.cli.client import Client
    from penstock.cli.door import ask

    async def work(client: Client) -> list[dict[str, object]]:
        return [row async for row in client.pages("/v1/tokens")]

    rows = ask(flags, work)
    if as_json:
        print_json(rows)
        return
    print_table(
        ("id", "name", "scopes", "until", "last used"),
        [
            (
                str(row["id"]),
                str(row["name"]),
                " ".join(map(str, row["scopes"] if isinstance(row["scopes"], list) else ())),
                str(row["expires_at"]),
                str(row["used_at"] or "never"),
            )
            for row in rows
        ],
    )


@token.command(cls=Command)
@click.argument("token_id", metavar="ID")
@pass_flags
def revoke(flags: Flags, token_id: str) -> None:
    """End the token ID: it opens nothing any more."""
    from penstock.cli.client import Client
    from penstock.cli.door import ask

    async def work(client: Client) -> None:
        await client.ask("DELETE", f"/v1/tokens/{token_id}")

    ask(flags, work)
    say(f"{token_id} has ended.")
