"""Write docs/reference from the code: commands, routes, settings, connectors and quote sources.

Likewise the tables of docs/security.md, between two marks; the rest of that page is by hand.

uv run scripts/reference.py            write the pages
uv run scripts/reference.py --check    exit 1 if a page is not what the code says
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.pages import (  # noqa: E402 - after the path is set
    api,
    cli,
    connectors,
    security,
    settings,
    sources,
)

FOLDER = ROOT / "docs" / "reference"
NOTE = "<!-- Written by scripts/reference.py: change the code, then run it again. -->\n\n"
PAGES: dict[str, Callable[[], str]] = {
    "api.md": api.page,
    "cli.md": cli.page,
    "connectors.md": connectors.page,
    "settings.md": settings.page,
    "sources.md": sources.page,
}
PARTS: dict[str, Callable[[], str]] = {"security.md": security.part}
"""Pages by hand, in docs/, of which a part is made."""
BEGIN = "<!-- Written by scripts/reference.py: change the code, then run it again. From here -->"
END = "<!-- to here. -->"


def path_of(name: str) -> Path:
    """Return where a page is."""
    return (FOLDER.parent if name in PARTS else FOLDER) / name


def text_of(name: str) -> str:
    """Return what has to stand in a page."""
    if name in PAGES:
        return NOTE + PAGES[name]()
    before, _, rest = path_of(name).read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{PARTS[name]()}{END}{after}"


def is_current(name: str) -> bool:
    """Say whether a page is what the code says."""
    path = path_of(name)
    return path.exists() and path.read_text(encoding="utf-8") == text_of(name)


def main() -> int:
    """Do what the command line asks for, and return the exit code."""
    parser = argparse.ArgumentParser(description="Write docs/reference from the code.")
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 if stale")
    if parser.parse_args().check:
        stale = [name for name in (*PAGES, *PARTS) if not is_current(name)]
        behind = ", ".join(path_of(name).relative_to(ROOT).as_posix() for name in stale)
        if behind:
            print(f"{behind}: not what the code says. Run scripts/reference.py.")
        return 1 if behind else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in (*PAGES, *PARTS):
        path_of(name).write_text(text_of(name), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
