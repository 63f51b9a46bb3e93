"""What every test of the checklist can ask for: a running app, as the tests of routes have it."""

from tests.api.conftest import api, sqlite_api

__all__ = ["api", "sqlite_api"]
