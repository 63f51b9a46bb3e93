"""Draw docs/demo.svg: run the demo for real and record what it prints.

uv run scripts/picture.py
"""

import io
import re
import subprocess
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Run the demo and draw what it says, up to how to go on."""
    done = subprocess.run(
        ["uv", "run", "penstock", "demo"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    said = done.stdout or done.stderr
    shown = said.partition("\nThat was the sandbox bank")[0].rstrip()
    console = Console(record=True, width=84, file=io.StringIO())
    console.print(Text("$ uv run penstock demo", style="bold green"))
    for line in shown.splitlines()[2:]:
        heading = line and not line.startswith(" ")
        console.print(Text(line, style="bold" if heading else ""))
    drawn = console.export_svg(title="penstock demo")
    # The picture asks nobody for a font: any monospace one will do.
    drawn = re.sub(r"@font-face \{[^}]*\}\s*", "", drawn).replace("Fira Code", "ui-monospace")
    drawn = re.sub(r"<!-- .*? -->\s*", "", drawn)
    (ROOT / "docs" / "demo.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
