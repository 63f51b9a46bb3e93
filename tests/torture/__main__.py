"""`uv run python -m tests.torture [NAME…] [--short|--long] [--seed N] [--json]`.

Without a name every torture is run, one after another. It prints figures, and exits with 1 where
anything was violated, naming the seed with which to repeat it.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence

from tests import loopback
from tests.torture.report import How, Report
from tests.torture.tortures import TORTURES


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; return the exit code."""
    asked = _read(arguments)
    loopback.install()
    reports: list[Report] = []
    for name in asked.names or TORTURES:
        found = asyncio.run(TORTURES[name](How(asked.seed, asked.long)))
        if not asked.json:
            _say(*(line for report in found for line in report.lines()))
        reports += found
    if asked.json:
        _say(json.dumps([report.as_json() for report in reports]))
    violated = [one for one in reports if one.violations]
    for one in violated:
        _say(f"VIOLATED: {one.torture} on {one.where}; repeat it with --seed {one.seed}")
    return 1 if violated else 0


def _read(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("tests.torture", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*TORTURES, []], metavar="NAME")
    parser.add_argument("--long", action="store_true", help="the full measure, for hours")
    parser.add_argument("--short", dest="long", action="store_false", help="a few minutes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
