"""The short form of each torture, as `.ci/run` runs it. `python -m tests.torture` runs the long."""

import asyncio
from random import SystemRandom

import pytest

from tests.conftest import in_ci
from tests.postgres import Unavailable
from tests.torture.report import How
from tests.torture.tortures import TORTURES


@pytest.mark.long
@pytest.mark.postgres
@pytest.mark.parametrize("name", TORTURES)
def test_it_survives(name: str) -> None:
    """docs/reliability.md: nothing is lost, doubled or torn; a failure names the seed."""
    seed = SystemRandom().randrange(1_000_000)
    try:
        reports = asyncio.run(TORTURES[name](How(seed)))
    except Unavailable as error:
        (pytest.fail if in_ci() else pytest.skip)(f"no PostgreSQL to torture: {error}")
    failed = [report for report in reports if report.violations]
    assert not failed, "\n".join(line for report in failed for line in report.lines())
