"""The files of this installation, and who else on this machine can read them: K4."""

import os
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from penstock.cli.doctor.security.finding import Finding, attention, failed, named, ok
from penstock.settings import Settings

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_MOST: Final = 10_000


def modes(settings: Settings) -> Iterator[Finding]:
    """K4: the database, the key, sessions, settings and backups are their owner's alone."""
    home = settings.home
    if os.name != "posix":
        yield ok("this system has no file modes; the folder's own rights decide")
    elif not home.is_dir():
        yield ok("there is no home folder yet")
    else:
        yield from of_folder(home)
        yield from of_database(settings)


def of_folder(home: Path) -> Iterator[Finding]:
    """K4: nobody else can look into the home folder, or read a file of it."""
    shut = not stat.S_IMODE(home.stat().st_mode) & _OTHERS
    readable = [path for path in islice(home.rglob("*"), _MOST) if _is_readable(path)]
    names = named([path.relative_to(home).as_posix() for path in readable])
    if readable and not shut:
        yield failed(f"others on this machine can read {names}", f"Run `chmod -R go= {home}`.")
    elif readable:
        remedy = f"Run `chmod -R go= {home}`: only the folder itself is in their way."
        yield attention(f"a file that others could read lies inside: {names}", remedy)
    elif not shut:
        remedy = f"Run `chmod 700 {home}`."
        yield attention("others on this machine can see what is in the home folder", remedy)
    else:
        yield ok("only its owner can read the home folder and what is in it")
    foreign = home.stat().st_uid not in (os.geteuid(), 0) and os.geteuid() != 0
    if foreign:
        yield attention("the home folder belongs to somebody else", f"Run `chown` on {home}.")


def of_database(settings: Settings) -> Iterator[Finding]:
    """K4: a SQLite file that lies elsewhere is its owner's alone as well."""
    scheme, _, place = settings.database_url.partition(":///")
    path = Path(place)
    if scheme == "sqlite" and path.is_file() and settings.home not in path.parents:
        if _is_readable(path):
            yield failed(f"others on this machine can read {path}", f"Run `chmod 600 {path}`.")
        else:
            yield ok(f"only its owner can read {path}")


def _is_readable(path: Path) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    forbidden = _OTHERS_WRITE if stat.S_ISDIR(found.st_mode) else _OTHERS
    return not stat.S_ISLNK(found.st_mode) and bool(found.st_mode & forbidden)
