"""Write docs/reference from the code: commands, routes, settings and connectors.

uv run scripts/reference.py            write the pages
uv run scripts/reference.py --check    exit 1 if a page is not what the code says
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.pages import api, cli, connectors, settings  # noqa: E402 - after the path is set

FOLDER = ROOT / "docs" / "reference"
NOTE = "<!-- Written by scripts/reference.py: change the code, then run it again. -->\n\n"
PAGES: dict[str, Callable[[], str]] = {
    "api.md": api.page,
    "cli.md": cli.page,
    "connectors.md": connectors.page,
    "settings.md": settings.page,
}


def text_of(name: str) -> str:
    """Return what has to stand in a page."""
    return NOTE + PAGES[name]()


def is_current(name: str) -> bool:
    """Say whether a page is what the code says."""
    path = FOLDER / name
    return path.exists() and path.read_text(encoding="utf-8") == text_of(name)


def main() -> int:
    """Do what the command line asks for, and return the exit code."""
    parser = argparse.ArgumentParser(description="Write docs/reference from the code.")
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 if stale")
    if parser.parse_args().check:
        behind = [f"docs/reference/{name}" for name in PAGES if not is_current(name)]
        if behind:
            print(f"{', '.join(behind)}: not what the code says. Run scripts/reference.py.")
        return 1 if behind else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in PAGES:
        (FOLDER / name).write_text(text_of(name), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
