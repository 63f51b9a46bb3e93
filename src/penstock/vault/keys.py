"""Where the key comes from: the environment, or a file beside the database (security.md K5).

Whether a missing file may be made is for the caller to say: only for an installation that has
nothing sealed yet. A key that is made anew for an old database opens nothing.
"""

import contextlib
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from penstock.domain.errors import KeyMissing, KeyWrong
from penstock.domain.remedy import fix_code
from penstock.domain.secret import Secret
from penstock.vault.cipher import Entropy
from penstock.vault.key import KEY_BYTES, Key

_LONGEST: Final = 256
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_HAS_MODES: Final = os.name == "posix"


def load_key(
    path: Path, *, text: Secret | None, may_create: bool, entropy: Entropy = secrets.token_bytes
) -> Key:
    """Return the key that the operator gave as `text`, or else the one in the file at `path`.

    Where neither is there and `may_create`, a new one is made in the file.
    Raises KeyMissing, KeyWrong.
    """
    if text:
        return Key.parse(text)
    if may_create and not path.exists():
        return make_key_file(path, entropy=entropy)
    return read_key_file(path)


def read_key_file(path: Path) -> Key:
    """Read the key.

    Raises KeyMissing where there is no such file, KeyWrong where it is not a key or, on systems
    with modes, where others than its owner may read it.
    """
    try:
        with path.open("rb") as file:
            _check_private(os.fstat(file.fileno()), path)
            text = file.read(_LONGEST)
    except FileNotFoundError:
        raise KeyMissing(
            f"There is no key file at {path}.",
            remedy=fix_code(
                "Put the key file back from your backup, or give the key as PENSTOCK_KEY. "
                "Nothing was changed; without the key the linked banks must be linked again."
            ),
        ) from None
    except OSError as error:
        raise _unusable(path, f"cannot be read ({error.strerror})") from error
    try:
        return Key.parse(Secret(text.decode("ascii", "replace")))
    except KeyWrong:
        raise _unusable(path, "does not hold a key") from None


def make_key_file(path: Path, *, entropy: Entropy = secrets.token_bytes) -> Key:
    """Make a new key in a file that only its owner may read, and return it.

    A file that is there already, or that somebody else makes at the same moment, is never
    replaced: its key is returned. It appears whole or not at all, whatever happens meanwhile.
    Raises KeyMissing where it cannot be written, and all that `read_key_file` does.
    """
    return _keep(path, lambda: Key(entropy(KEY_BYTES)), entropy)


def keep_key(path: Path, key: Key, *, entropy: Entropy = secrets.token_bytes) -> Key:
    """Put a key into a file as `make_key_file` does, and return the one that is in it then."""
    return _keep(path, lambda: key, entropy)


def _keep(path: Path, draw: Callable[[], Key], entropy: Entropy) -> Key:
    draft = path.with_name(f"{path.name}.{entropy(8).hex()}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(draft, draw().written().reveal().encode() + b"\n")
        _publish(draft, path)
    except OSError as error:
        raise KeyMissing(
            f"The key file {path} cannot be made ({error.strerror}).",
            remedy=fix_code("Make the folder writable, or give a key as PENSTOCK_KEY."),
        ) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
    return read_key_file(path)


def _write(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _publish(draft: Path, path: Path) -> None:
    """Give the draft its name, unless the name is taken: then the one who took it has won."""
    with contextlib.suppress(FileExistsError):
        if _HAS_MODES:
            path.hardlink_to(draft)
            sync_folder(path.parent)
        else:
            draft.rename(path)  # Windows refuses where the name is taken.


def sync_folder(folder: Path) -> None:
    """Let no power cut take back what was done to the names in a folder."""
    if not _HAS_MODES:
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_private(found: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise _unusable(path, "is not a file")
    if _HAS_MODES and found.st_mode & _OTHERS:
        raise _unusable(
            path,
            "can be read by others than its owner",
            f"`chmod 600 {path}`, or give the key as PENSTOCK_KEY.",
        )


def _unusable(path: Path, why: str, cure: str = "Put the right file back.") -> KeyWrong:
    return KeyWrong(f"The key file {path} {why}.", remedy=fix_code(f"{cure} Nothing was changed."))
