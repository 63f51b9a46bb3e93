"""Marks what is here, so that `-m connectors` runs it: all but what takes minutes or needs more."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
ASKED_FOR = {"long", "contract"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of connectors."""
    for item in items:
        if HERE in item.path.parents and not ASKED_FOR & {
            mark.name for mark in item.iter_markers()
        }:
            item.add_marker(pytest.mark.connectors)
