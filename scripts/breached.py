"""Write src/penstock/identity/breached.bin: what everybody tries first, as short hashes.

uv run --no-project --with zxcvbn==4.5.0 --with django==5.2.19 scripts/breached.py

The passwords are those of 8 characters or more in two lists of what was seen most often in leaks:
the one of zxcvbn (MIT, Dropbox) and the one of Django (BSD-3-Clause, Django Software Foundation; it
was made by Royce Williams). Only the first bytes of their SHA-256 are kept, sorted.
"""

import gzip
import hashlib
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "src/penstock/identity/breached.bin"
LEAST_CHARACTERS = 8
BYTES = 5


def main() -> None:
    """Write the file."""
    known = {one.casefold() for one in [*of_zxcvbn(), *of_django()]}
    chosen = [one for one in known if len(one) >= LEAST_CHARACTERS]
    hashes = sorted({hashlib.sha256(one.encode()).digest()[:BYTES] for one in chosen})
    TARGET.write_bytes(b"".join(hashes))
    print(f"{len(hashes):,} passwords, {TARGET.stat().st_size:,} bytes")


def of_zxcvbn() -> list[str]:
    """Return zxcvbn's list."""
    lists = import_module("zxcvbn.frequency_lists").FREQUENCY_LISTS  # of no package of ours
    return list(lists["passwords"])


def of_django() -> list[str]:
    """Return Django's list."""
    found = find_spec("django")
    if found is None or found.origin is None:
        raise SystemExit("run it as its first lines say")
    packed = Path(found.origin).parent / "contrib/auth/common-passwords.txt.gz"
    return gzip.decompress(packed.read_bytes()).decode().split()


if __name__ == "__main__":
    main()
