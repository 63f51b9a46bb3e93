"""Writing a file whole or not at all, for its owner's eyes only."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from penstock.cli.failure import Failed


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` when all of it is on the disk, and not before.

    It is readable by its owner alone (mode 0600 where modes exist). If the block raises, `path`
    is left as it was, and nothing stays beside it. Raises Failed where it cannot be begun there,
    and OSError.
    """
    try:
        number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".part")
    except OSError as error:
        raise Failed(
            f"{path} cannot be written: {error.strerror or error}",
            remedy=f"See that the folder {path.parent} is there and that you may write to it.",
        ) from error
    part = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def make_private_folder(folder: Path) -> None:
    """Make a folder, and those above it, if it is not there; its own mode is then 0700."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
