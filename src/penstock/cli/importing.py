"""`penstock import`: bring a bank's files into the ledger."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from penstock.cli.failure import Failed, Misused, printable
from penstock.cli.flags import Command, Flags, as_json, pass_flags
from penstock.cli.terminal import print_json, say
from penstock.cli.words import counted, full_id

if TYPE_CHECKING:
    from penstock.cli.client import Client

Row = dict[str, Any]
_FORMATS: Final = ("ofx", "camt", "mt940", "qif", "csv")
_MOST: Final = 32 * 1024 * 1024


@click.command("import", cls=Command)
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option("--account", metavar="ID", help="Into this account; else where the file says.")
@click.option("--new", metavar="NAME", help="Into an account of its own, for files that say none.")
@click.option("--format", type=click.Choice(_FORMATS), help="Else by what stands in it.")
@click.option("--mapping", metavar="NAME", help="How a CSV is read: `penstock mappings set`.")
@click.option("--currency", metavar="CODE", help="Of files that do not say it, such as EUR.")
@click.option(
    "--date-order",
    type=click.Choice(("dmy", "mdy", "ymd")),
    help="The order of a day's numbers in a QIF file that does not prove it.",
)
@click.option(
    "--decimal", type=click.Choice(("point", "comma")), help="The decimal mark of a QIF file."
)
@click.option("--preview", is_flag=True, help="Show how the file is read, and store nothing.")
@click.option("--dry-run", is_flag=True, help="Say what it would do, and store nothing.")
@as_json
@pass_flags
def import_files(
    flags: Flags,
    files: tuple[Path, ...],
    *,
    account: str | None,
    new: str | None,
    format: str | None,  # noqa: A002 - the option's own name
    mapping: str | None,
    currency: str | None,
    date_order: str | None,
    decimal: str | None,
    preview: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import files of a bank: OFX, QFX, camt.053, MT940, QIF and CSV.

    A file is imported whole or not at all. Twice, or overlapping with another, or over an account
    that a bank's connection keeps: nothing is doubled. Each import is a sync that `penstock undo`
    takes back.
    """
    from penstock.cli.door import ask

    given = {
        "format": format,
        "mapping": mapping,
        "currency": currency,
        "date_order": date_order,
        "decimal": decimal,
    }
    if not preview:
        given |= {"account": full_id("acc", account) if account else None, "new": new}
        given |= {"dry_run": "true" if dry_run else None}
    contents = [(one, _content(one)) for one in files]
    path = "/v1/imports/preview" if preview else "/v1/imports"

    async def work(client: "Client") -> list[Row]:
        done = []
        for file, content in contents:
            answer: Row = (await client.send(path, content, given)).json()
            done.append({"file": str(file), **answer})
            if not as_json:
                _tell_preview(done[-1]) if preview else _tell(done[-1])
        return done

    done = ask(flags, work)
    if as_json:
        print_json(done)


def _content(file: Path) -> bytes:
    try:
        if file.stat().st_size > _MOST:
            raise Failed(f"{file} is larger than {_MOST // 1024 // 1024} MiB")
        content = file.read_bytes()
    except OSError as error:
        raise Failed(
            f"{file} cannot be read: {error.strerror or error}", remedy="Name a file that is there."
        ) from error
    if not content:
        raise Misused(f"{file} is empty", remedy="Download it again.")
    return content


def _tell(done: Row) -> None:
    """Say what an import did, or would do."""
    would = " would be" if done["dry_run"] else ""
    for one in done["imports"]:
        for account in one["accounts"]:
            say(f"{done['file']}: {done['format']}, {_account(account)}")
        words = ("inserted", "unchanged", "linked", "changed", "removed", "suggested")
        counts = ", ".join(
            f"{one[word]} {word}" for word in words if one[word] or word in words[:3]
        )
        say(f"  {counts}{would and f' ({would.strip()})'}")
        if one["suggested"]:
            say("  `penstock suggestions` shows what waits for you.")
        if one["sync_id"] and any(one[word] for word in ("inserted", "changed", "removed")):
            say(f"  `penstock undo {one['sync_id']}` takes it back.")
    for left in done["left_out"]:
        say(f"  not taken over: {printable(left)}")


def _account(one: Row) -> str:
    name = f"{one['name']} …{one['mask']}" if one["mask"] else one["name"]
    state = "new" if one["created"] else one["id"]
    days = f", {one['first_on']} to {one['last_on']}" if one["first_on"] else ""
    return printable(f"{name} ({state}), {counted(one['rows'], 'row')}{days}")


def _tell_preview(done: Row) -> None:
    """Show how a file is read."""
    cut = done["proposal"]
    if cut:
        say(
            f"{done['file']}: CSV, it seems: encoding={cut['encoding']} "
            f"delimiter={cut['delimiter']!r} skip={cut['skip']}"
        )
        for place, name in enumerate(cut["columns"], 1):
            values = [line[place - 1] for line in cut["lines"] if len(line) >= place]
            say(printable(f"  {place:2}  {name!r}: {', '.join(map(repr, values))}"))
        say("Say how it is read: `penstock mappings set NAME date=… date_format=… amount=… …`")
    for one in done["accounts"]:
        name = " ".join(filter(None, [one["name"], one["number"] and f"…{one['number']}"]))
        say(
            printable(
                f"{done['file']}: {done['format']}, {name or 'an account without a name'}, "
                f"{one['currency']}, {counted(one['row_count'], 'row')}"
            )
        )
        for row in one["rows"]:
            text = (
                f"{row['booked_on']}  {row['amount']:>12} {row['currency']}  {row['description']}"
            )
            say(printable(f"  {text}"))
