"""How long a trivial command takes to start: `uv run python benchmarks/startup.py [--json]`.

A process that imports click and nothing else is the measure: whoever uses click pays that much.
The contestants take turns, so that a machine whose speed drifts treats them alike; the figure is
the median of the ratios of neighbours. The byte code is compiled first, as an installer does it.
"""

import argparse
import compileall
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import click

import penstock

LIMIT = 3.0
CONTESTANTS = {
    "python": ["-c", "pass"],
    "import click": ["-c", "import click"],
    "penstock version": ["-m", "penstock", "version"],
    "penstock --help": ["-m", "penstock", "--help"],
}


def milliseconds(arguments: list[str]) -> float:
    """Return how long one process takes, from start to end."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=environment
    )
    return (time.perf_counter() - started) * 1000


def measure(rounds: int) -> dict[str, list[float]]:
    """Return the times of each contestant, round by round, after one round of warming up."""
    times: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    for turn in range(rounds + 1):
        for name, arguments in CONTESTANTS.items():
            taken = milliseconds(arguments)
            if turn:
                times[name].append(taken)
    return times


def compile_all() -> None:
    """Compile what the contestants import, as installing from a wheel does."""
    for module in (penstock, click):
        compileall.compile_dir(Path(module.__path__[0]), quiet=2)


def main() -> None:
    """Measure, print, and exit with 1 where a trivial command is too slow."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one object on stdout")
    parser.add_argument("--quick", action="store_true", help="few rounds")
    given = parser.parse_args()
    compile_all()
    times = measure(7 if given.quick else 25)
    base = times["import click"]
    figures = {
        name: {
            "ms": round(statistics.median(taken), 1),
            "ratio": round(statistics.median(a / b for a, b in zip(taken, base, strict=True)), 2),
        }
        for name, taken in times.items()
    }
    slow = [name for name in CONTESTANTS if figures[name]["ratio"] > LIMIT]
    if given.json:
        print(json.dumps({"startup": figures, "limit": LIMIT, "ok": not slow}))
    else:
        for name, one in figures.items():
            print(f"{name:<18} {one['ms']:>7.1f} ms   {one['ratio']:.2f} x import click")
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
