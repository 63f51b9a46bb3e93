"""`penstock keys`: where the master key is, what hangs on it, and changing it while all goes on."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.failure import Failed, Misused
from penstock.cli.flags import Command, Commands, Flags, as_json, named_as, pass_flags
from penstock.cli.terminal import print_json, say

if TYPE_CHECKING:
    from penstock.db.lane import Database
    from penstock.engine.reseal import Resealed
    from penstock.engine.rotate import Rotation, Turn
    from penstock.engine.unlock import Vault
    from penstock.settings import Settings

_PAUSE = 0.02
"""Seconds between batches, so that whoever else writes has their turn."""


@click.group("keys", cls=Commands)
def keys() -> None:
    """Show and change the keys that open the secrets of this home."""


@keys.command(cls=Command)
@as_json
@pass_flags
def show(flags: Flags, *, as_json: bool) -> None:
    """Say where the master key is, and what hangs on which key; never a key itself."""
    from penstock.engine.keys_seen import seen

    settings = flags.settings()
    with _opened(settings, verbose=flags.verbose) as (database, vault):
        found = database.read_now(seen, vault.id)
    if as_json:
        print_json(found.as_json())
        return
    click.echo(f"master key   {found.master_id}")
    for other, state in found.others.items():
        click.echo(f"also         {other} ({state})")
    click.echo(f"data keys    {found.data_keys} in use, {found.retired} retired")
    click.echo(f"secrets      {found.secrets} sealed, {found.behind} of them under older keys")
    for file in _old_files(settings):
        click.echo(f"old file     {file}: opens nothing here, only backups from its time")


@keys.command(cls=Command)
@named_as(
    "--to",
    "target",
    twin="KEYS_ROTATE_TO",
    metavar="SOURCE",
    help="Move to another source: file, env, aws-kms://KEY?region=REGION or vault://HOST/MOUNT/KEY.",
)
@click.option("--data", is_flag=True, help="New data keys too: seal every secret anew.")
@click.option("--signing", is_flag=True, help="Only a new key that signs access tokens.")
@as_json
@pass_flags
def rotate(flags: Flags, target: str | None, *, data: bool, signing: bool, as_json: bool) -> None:
    """Change the master key while servers and workers go on; run it again if it was stopped.

    A key file is replaced, and the old one kept beside it for old backups. A key in KMS or Vault
    wraps all anew by its newest version. A move (--to) lets both keys open the database, until
    this is run again where the new one is set.
    """
    settings = flags.settings()
    if signing and (target or data):
        raise Misused("--signing is by itself", remedy="Run it once with it, and once without.")
    with _opened(settings, verbose=flags.verbose) as (database, vault):
        if signing:
            kid = asyncio.run(_signing(database, vault))
            _tell(
                {"signing_key": kid},
                f"{kid} signs in a minute.",
                as_json=as_json,
            )
            return
        turn, resealed = asyncio.run(_rotate(settings, database, vault, target, data=data))
    _tell(_told(turn, resealed), _words(turn, resealed, target), as_json=as_json)


@contextlib.contextmanager
def _opened(settings: "Settings", *, verbose: bool) -> "Iterator[tuple[Database, Vault]]":
    """Open the home's database and vault, if there are any."""
    from penstock.cli.door import quieten
    from penstock.store import open_store

    quieten(settings, verbose=verbose)

    if not settings.database_url and not settings.database_file.is_file():
        raise Failed(
            f"there is no database in {settings.home}",
            remedy="See that --home or PENSTOCK_DATABASE_URL is right.",
        )
    database, vault = open_store(settings)
    try:
        yield database, vault
    finally:
        database.close()


async def _rotate(
    settings: "Settings", database: "Database", vault: "Vault", target: str | None, *, data: bool
) -> "tuple[Turn, Resealed]":
    from penstock.domain.clock import utc_now
    from penstock.engine.reseal import Resealer
    from penstock.engine.rotate import Rotation, Turn

    rotation = Rotation(database, _pause, [vault.keys.source])
    turn = Turn(vault.id)
    resealer = Resealer(database, vault.keys, utc_now, _pause)
    if target is not None:
        turn = await _move(settings, rotation, vault, target)
    elif not data:
        turn = await _change(settings, database, rotation, vault)
    await _audit(database, vault, turn, data=data)
    return turn, await (resealer.renew() if data else resealer.reseal())


async def _change(
    settings: "Settings", database: "Database", rotation: "Rotation", vault: "Vault"
) -> "Turn":
    """Change the master key where it is, or end a move to it."""
    from penstock.db import vault_check
    from penstock.engine.rotate import Turn
    from penstock.store import key_place
    from penstock.vault.key_files import KeyFiles
    from penstock.vault.source import LocalKey

    place, source = key_place(settings), vault.keys.source
    states = await database.read(vault_check.states)
    moving = len(states) > 1
    if place.is_file:
        return await rotation.change_file(KeyFiles(place.file))
    if moving:
        rotation.openers.extend(LocalKey(key) for key in KeyFiles(place.file).all())
        return await rotation.finish(source)
    if isinstance(source, LocalKey):
        raise Misused(
            "the key comes from PENSTOCK_KEY, and only you can set another there",
            remedy="Set PENSTOCK_NEW_KEY, and run `penstock keys rotate --to env`.",
        )
    await rotation.rewrap(source)
    return Turn(source.id)


async def _move(settings: "Settings", rotation: "Rotation", vault: "Vault", target: str) -> "Turn":
    """Let another source open the database too; or stay with the present one."""
    from penstock.engine.rotate import Turn
    from penstock.store import next_source

    source = next_source(settings, target)
    if source.id == vault.id:
        return await rotation.finish(source)
    await rotation.begin(source)
    return Turn(source.id, [vault.id], begun=True)


async def _signing(database: "Database", vault: "Vault") -> str:
    from penstock.domain.clock import utc_now
    from penstock.identity.keyring import Keyring

    return await Keyring(database, vault.cipher, utc_now).rotate()


async def _audit(database: "Database", vault: "Vault", turn: "Turn", *, data: bool) -> None:
    from penstock.db.audit import AuditLog
    from penstock.domain.audit import AuditEvent, AuditKind
    from penstock.domain.clock import utc_now

    facts = {"old": ", ".join(turn.left), "begun": str(turn.begun), "data_keys": str(data)}
    event = AuditEvent(AuditKind.KEY_ROTATED, subject=turn.master_id, facts=facts)
    await database.write(AuditLog(vault.cipher).record, event, now=utc_now())


async def _pause() -> None:
    await asyncio.sleep(_PAUSE)


def _old_files(settings: "Settings") -> list[str]:
    pattern = "key.*.old"
    return [str(path) for path in sorted(settings.home.glob(pattern))]


def _told(turn: "Turn", resealed: "Resealed") -> dict[str, Any]:
    return {
        "master_key": turn.master_id,
        "left": list(turn.left),
        "begun": turn.begun,
        "resealed": resealed.texts,
        "broken": resealed.broken,
        "data_keys_made": resealed.made,
        "data_keys_deleted": resealed.deleted,
    }


def _words(turn: "Turn", resealed: "Resealed", target: str | None) -> str:
    lines = [f"The master key is {turn.master_id}."]
    if turn.begun:
        lines = [
            f"{turn.master_id} opens the database now, beside {', '.join(turn.left)}.",
            _next_step(target or ""),
        ]
    elif turn.left:
        lines.append(f"Nothing hangs on {', '.join(turn.left)} any more. Make a backup now.")
    lines.append(f"{resealed.texts} secrets were sealed anew.")
    if resealed.made:
        lines.append(
            f"{resealed.made} data keys are new; {resealed.deleted} old ones were deleted, the "
            "others are by a run tomorrow."
        )
    if resealed.broken:
        lines.append(f"{resealed.broken} secrets do not open: `penstock db check`.")
    return "\n".join(lines)


def _next_step(target: str) -> str:
    setting = "PENSTOCK_KEY to the new key" if target == "env" else f"PENSTOCK_KEY_SOURCE={target}"
    return f"Set {setting} everywhere, restart, and run `penstock keys rotate` once more."


def _tell(told: dict[str, Any], words: str, *, as_json: bool) -> None:
    if as_json:
        print_json(told)
    else:
        say(words)
