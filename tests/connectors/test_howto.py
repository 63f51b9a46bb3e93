"""docs/how-to/connector.md, followed to the letter, is a connector that works."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.processes import PASSWORD, Machine
from tests.programs import surroundings

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "connector.md").read_text(encoding="utf-8")
REGISTRIES = re.findall(r"`(src/\S+\.py)`", PAGE.partition("## 3.")[2].partition("## 4.")[0])


def blocks(language: str) -> list[str]:
    """Return the page's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Do as the page says, in a copy of the checkout."""
    copy = tmp_path_factory.mktemp("checkout")
    for folder in ("src", "tests"):
        left_out = shutil.ignore_patterns("__pycache__", ".hypothesis")
        shutil.copytree(ROOT / folder, copy / folder, ignore=left_out)
    shutil.copy(ROOT / "pyproject.toml", copy)
    (line,) = blocks("text")
    for content in blocks("python"):
        path = re.match(r"# (src/\S+)\n", content)
        assert path is not None, content[:80]
        (copy / path[1]).write_text(content[path.end() :], encoding="utf-8")
    assert len(REGISTRIES) == 2
    for name in REGISTRIES:
        text = (copy / name).read_text(encoding="utf-8")
        names = text.index("NAMES: Final = (")
        end = text.index(")\n", names)
        (copy / name).write_text(f"{text[:end]}{line}{text[end:]}", encoding="utf-8")
    return copy


def ran(followed: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a module of Python in the copy."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=followed,
        capture_output=True,
        check=False,
        encoding="utf-8",
        env=surroundings({"PYTHONPATH": str(followed / "src")}),
        timeout=300,
    )


@pytest.mark.long
def test_it_keeps_every_promise(followed: Path) -> None:
    """The command of the page: what is promised of each connector, and the one ledger."""
    (command,) = [block for block in blocks("sh") if "pytest" in block]
    arguments = command.split()[2:]
    done = ran(followed, *arguments, "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout[-4000:]
    assert re.search(r"\b[3-9]\d passed", done.stdout), done.stdout[-400:]


@pytest.mark.long
def test_it_passes_our_own_checks(followed: Path) -> None:
    """The page's code is as the rest of it: linted, formatted, typed."""
    files = ["src/penstock/connectors/brook.py", "src/penstock/sandbox/faces/brook.py"]
    for check in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]):
        done = ran(followed, *check, *files)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_it_is_linked_and_synced(followed: Path, tmp_path: Path) -> None:
    """From a terminal: the sandbox says what to set and paste; the rows are there."""
    machine = Machine(tmp_path / "home", {"PYTHONPATH": str(followed / "src")})
    with machine.running("sandbox", "--port", "0", "--face", "brook") as bank:
        last = bank.wait_until_it_says("paste")
        machine.environment.update(re.findall(r"(PENSTOCK_\w+)=(\S+)", bank.said))
        machine.run("user", "add", "ann", "--password-stdin", typed=PASSWORD)
        machine.run("login", "--username", "ann", "--password-stdin", typed=PASSWORD)
        machine.run("connect", "brook", "--token-stdin", typed=last.split()[-1])
        machine.run("sync")
        assert len(machine.json("transactions")) == 15
