"""Pin every dependency, the dependencies' own too, where no registry's address is written.

`uv.lock` names the registry it was made with, so it is not kept. What is kept instead:

- `[tool.uv] constraint-dependencies` in pyproject.toml, between two markers: uv resolves to exactly
  these versions on every machine;
- requirements.txt, the same versions with the hashes of their files and every extra, for
  `pip install --require-hashes -r requirements.txt`.

    uv run scripts/pins.py            write both, after a dependency was added or removed
    uv run scripts/pins.py --check    exit 1 if either is not what a fresh lock says
    uv run scripts/pins.py --upgrade  move everything to its newest version, then write both
"""

import argparse
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "pyproject.toml"
LOCK = ROOT / "uv.lock"
REQUIREMENTS = ROOT / "requirements.txt"
BEGIN = "  # pins:begin (scripts/pins.py writes what follows)\n"
END = "  # pins:end\n"
NOTE = "# Every dependency and extra with its hashes. Written by scripts/pins.py.\n"


def main() -> int:
    """Do what the command line asks for, and return the exit code."""
    parser = argparse.ArgumentParser(description="Pin every dependency.")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="change nothing, exit 1 if out of date")
    mode.add_argument("--upgrade", action="store_true", help="take the newest versions first")
    wanted = parser.parse_args()
    if wanted.upgrade:
        PROJECT.write_text(with_pins(PROJECT.read_text(), ""))
    uv("lock", "--quiet", *(["--upgrade"] if wanted.upgrade else []))
    return check() if wanted.check else write()


def check() -> int:
    """Compare both files with the lock, and say what to do where they differ."""
    stale = []
    if versions(PROJECT.read_text().partition(BEGIN)[2].partition(END)[0]) != versions(pins()):
        stale.append(PROJECT.name)
    if not REQUIREMENTS.exists() or REQUIREMENTS.read_text() != requirements():
        stale.append(REQUIREMENTS.name)
    if stale:
        print(f"{' and '.join(stale)}: not what the lock says. Run `uv run scripts/pins.py`.")
    return 1 if stale else 0


def versions(block: str) -> set[str]:
    """Return the `name==version`s of a block. uv words the markers anew each time, so not those."""
    return {line.strip(' ",').partition(" ;")[0] for line in block.splitlines()}


def write() -> int:
    """Write both files. The lock is made again, for it records the constraints too."""
    PROJECT.write_text(with_pins(PROJECT.read_text(), pins()))
    uv("lock", "--quiet")
    REQUIREMENTS.write_text(requirements())
    return 0


def with_pins(project: str, block: str) -> str:
    """Return the project file's text with `block` between the markers."""
    head, begin, rest = project.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        sys.exit(f"{PROJECT.name}: the lines {BEGIN.strip()!r} and {END.strip()!r} are missing.")
    return head + begin + block + end + tail


def pins() -> str:
    """Return a line for every package of the lock that comes from a registry."""
    packages = tomllib.loads(LOCK.read_text())["package"]
    chosen = [package for package in packages if "registry" in package["source"]]
    return "".join(f"  {pin(package)},\n" for package in chosen)


def pin(package: Mapping[str, Any]) -> str:
    """Return one package's constraint as a TOML string (a marker has no double quotes).

    Where the lock has two versions of it, each says for which platforms or Pythons it is.
    """
    markers = " or ".join(f"({marker})" for marker in package.get("resolution-markers", ()))
    constraint = f"{package['name']}=={package['version']}"
    return f'"{constraint} ; {markers}"' if markers else f'"{constraint}"'


def requirements() -> str:
    """Return the versions and hashes of all that the program and its extras need."""
    exported = uv(
        *("export", "--quiet", "--all-extras", "--no-dev", "--no-emit-project"),
        *("--no-header", "--no-annotate", "--frozen"),
    )
    return NOTE + exported


def uv(*arguments: str) -> str:
    """Run uv in the project's root and return what it prints. Its own words go to stderr."""
    done = subprocess.run(
        ["uv", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
