"""Done-line 4: a fuzzer over the OpenAPI document finds no 500, and no answer outside of it.

Each operation is tried with what its schema allows and with what it does not, by a person who is
signed in with every scope, over things that are there and things that are not.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.python.asgi import shutdown_lifespans
from schemathesis.specs.openapi.checks import positive_data_acceptance

from penstock.api.app import create_app
from penstock.settings import Settings
from penstock.wiring import Penstock, open_penstock
from tests.api.serving import CHEAP, KEY, NOWHERE, Clock, serving
from tests.api.things import MAKERS
from tests.databases import Databases


@dataclass
class Stage:
    """What the app of this module serves, once the test's database is there."""

    chosen: Settings | None = None
    opened: Penstock | None = None
    owner_id: int = 0
    ids: dict[str, str] = field(default_factory=dict)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Penstock]:
        """Open what is to be served."""
        assert self.chosen is not None
        async with open_penstock(self.chosen, clock=Clock(), cost=CHEAP) as self.opened:
            yield self.opened

    def token(self) -> str:
        """Return a fresh token: some of what is tried ends the session that tries it."""
        if self.opened is None:
            return "not open yet"
        issued = self.opened.identity.begin_session(self.owner_id, NOWHERE)
        return asyncio.run(issued).access.reveal()


STAGE = Stage()
APP = create_app(STAGE.open)

schema = schemathesis.openapi.from_dict(APP.openapi())
schema.app = APP


@schema.auth(refresh_interval=None)
class Bearer:
    """Signs each request with a token of its own."""

    def get(self, _case: object, _context: object) -> str:
        """Return a token."""
        return STAGE.token()

    def set(self, case: Any, data: str, _context: object) -> None:
        """Put it into the header."""
        case.headers["Authorization"] = f"Bearer {data}"


@schema.hook
def map_path_parameters(_context: object, path_parameters: dict[str, Any]) -> dict[str, Any]:
    """Name things that are there in half of the cases."""
    return {
        name: STAGE.ids[name] if name in STAGE.ids and len(str(value)) % 2 else value
        for name, value in (path_parameters or {}).items()
    }


@pytest.fixture(scope="module")
def stage(sqlite_databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Lay out a database with a person and one thing of each kind."""
    home = tmp_path_factory.mktemp("fuzz")
    with sqlite_databases.fresh() as database:
        with serving(database.url, home) as api:
            STAGE.owner_id = api.person("ada")
            STAGE.ids = {name: make(api, STAGE.owner_id) for name, make in MAKERS.items()}
        given = {"home": home, "database_url": database.url, "key": KEY, "quote_sources": ()}
        STAGE.chosen = Settings.model_validate(given)
        yield STAGE
        shutdown_lifespans()


FEW = settings(
    max_examples=4, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)
# Syncs that the fuzzer starts fail at once and draw their backoff meanwhile, in another thread.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")


@schema.parametrize()
@FEW
def test_every_operation_keeps_to_its_document(case: Any, stage: Stage) -> None:
    """X4, done-line 4: no 500, no undocumented status, type or shape; bad input is refused."""
    check(case, stage)


@pytest.mark.long
@schema.parametrize()
@settings(FEW, max_examples=25)
def test_every_operation_keeps_to_its_document_many_times(case: Any, stage: Stage) -> None:
    """X4, done-line 4: the same, many times over."""
    check(case, stage)


def check(case: Any, stage: Stage) -> None:
    """Ask, and hold the answer to the document."""
    assert stage.owner_id
    answer = case.call()
    beyond = {positive_data_acceptance} if is_beyond_schemas(answer) else set()
    case.validate_response(answer, excluded_checks=list(beyond))


def is_beyond_schemas(answer: Any) -> bool:
    """Say whether something was refused for what no schema can say.

    A cursor that we never gave out, a wrong password, a connector that is not there: only faults
    that a schema knows of are told with their place.
    """
    if answer.status_code == 400 and "error" in answer.json():
        return True
    return answer.status_code in {400, 422} and "faults" not in answer.json()
