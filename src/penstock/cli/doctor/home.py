"""The folder in which everything of an installation lives."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from penstock.cli.doctor.check import Check, fail, ok, warn
from penstock.settings import Settings

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_GIB = 1024**3
_SCARCE = 1 * _GIB
_TOO_LITTLE = _GIB // 10


def checks(settings: Settings) -> Iterator[Check]:
    """Look at the home folder, at who can read what is in it, and at the room that is left."""
    yield folder(settings.home)
    if settings.home.is_dir():
        yield modes(settings.home)
    yield room(_nearest(settings.home))


def folder(home: Path) -> Check:
    """See that the folder can be written to."""
    if not home.exists():
        remedy = "It is made by `penstock user add NAME` or `penstock serve`."
        return warn("home", f"{home} is not there yet", remedy)
    try:
        with tempfile.TemporaryFile(dir=home):
            return ok("home", str(home))
    except OSError as error:
        remedy = "Make it a folder that you may write to, or set PENSTOCK_HOME to another."
        return fail("home", f"{home} cannot be written to: {error.strerror or error}", remedy)


def modes(home: Path) -> Check:
    """See that nobody else can read the secrets, nor the ledger."""
    if os.name != "posix":
        return ok("modes", "this system has no file modes; the folder's own rights decide")
    open_to_others = [
        path.name
        for path in (home / "key", home / "session.json", home / ".env")
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & _OTHERS
    ]
    if open_to_others:
        names = ", ".join(open_to_others)
        remedy = f"Run `chmod 600` on {names} in {home}."
        return fail("modes", f"others on this machine can read: {names}", remedy)
    if stat.S_IMODE(home.stat().st_mode) & _OTHERS:
        remedy = f"Run `chmod 700 {home}`."
        return warn("modes", "others on this machine can look into the home folder", remedy)
    return ok("modes", "only you can read the home folder")


def room(where: Path) -> Check:
    """See that the disk has room left."""
    free = shutil.disk_usage(where).free
    found = f"{free / _GIB:.1f} GiB free"
    remedy = "Make room: a sync needs some to stage what it reads."
    if free < _TOO_LITTLE:
        return fail("disk", found, remedy)
    return warn("disk", found, remedy) if free < _SCARCE else ok("disk", found)


def _nearest(path: Path) -> Path:
    """Return the folder, or the one above it that is there."""
    return next(one for one in (path, *path.parents) if one.exists())
