"""A process that changes the key file of an installation, and kills itself at a step of it."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from penstock.db.connect import open_database
from penstock.engine.rotate import Rotation
from penstock.vault.key_files import KeyFiles


def main(url: str, folder: str, at: int) -> None:
    """Change the key file of the installation in `folder`; die at the step `at`."""
    steps = 0

    async def pause() -> None:
        nonlocal steps
        steps += 1
        if steps == at:
            os.kill(os.getpid(), signal.SIGKILL)

    database = open_database(url)
    asyncio.run(Rotation(database, pause).change_file(KeyFiles(Path(folder) / "key")))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
