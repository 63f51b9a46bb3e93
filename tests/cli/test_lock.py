"""The lock between processes."""

import subprocess
import sys
from pathlib import Path

from penstock.cli.lock import locked

COUNT = """
import sys
from pathlib import Path
from penstock.cli.lock import locked
folder = Path(sys.argv[1])
for _ in range(200):
    with locked(folder / "lock"):
        number = int((folder / "number").read_text())
        (folder / "number").write_text(str(number + 1))
"""


def test_one_process_at_a_time(tmp_path: Path) -> None:
    """What processes do under the lock is never interleaved: no step of theirs is lost."""
    (tmp_path / "number").write_text("0")
    run = [sys.executable, "-c", COUNT, str(tmp_path)]
    processes = [subprocess.Popen(run) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert (tmp_path / "number").read_text() == "600"


def test_a_dead_holder_frees_it(tmp_path: Path) -> None:
    """A process that dies with the lock does not keep it."""
    die = f"{COUNT.splitlines()[3]}\nimport os\nlocked({str(tmp_path / 'lock')!r}).__enter__()\n"
    ran = subprocess.run([sys.executable, "-c", die + "os._exit(1)"], check=False)
    assert ran.returncode == 1
    with locked(tmp_path / "lock"):
        pass
