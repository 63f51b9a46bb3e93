"""Write docs/reference from the code: commands, routes, settings and connectors.

uv run scripts/reference.py            write the pages
uv run scripts/reference.py --check    exit 1 if a page is not what the code says
"""

import argparse
import sys
from collections.abc import Callable, Iterator
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


def pages() -> Iterator[tuple[Path, str]]:
    """Yield each page's file and what has to stand in it."""
    for name, write in PAGES.items():
        yield FOLDER / name, NOTE + write()


def stale() -> list[str]:
    """Return the names of the pages that are not what the code says."""
    return [
        path.relative_to(ROOT).as_posix()
        for path, text in pages()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def main() -> int:
    """Do what the command line asks for, and return the exit code."""
    parser = argparse.ArgumentParser(description="Write docs/reference from the code.")
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 if stale")
    if parser.parse_args().check:
        behind = stale()
        if behind:
            print(f"{', '.join(behind)}: not what the code says. Run scripts/reference.py.")
        return 1 if behind else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path, text in pages():
        path.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
