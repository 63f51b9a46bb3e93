"""For whoever keeps the program running: whether it is alive, and can do its work."""

from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import Response
from pydantic import Field

from penstock.api.auth import open_to_all
from penstock.api.routing import nouns
from penstock.api.running import Installation, Running
from penstock.api.schemas import Outgoing
from penstock.db.migrations import revisions
from penstock.domain.errors import VaultError
from penstock.observe.log import get_logger

_ANYBODY = [open_to_all("a load balancer has no account, and learns nothing from it")]

_log = get_logger("penstock.api")

router = nouns("health", prefix="")

State = Literal["ok", "failed"]


class Alive(Outgoing):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(Outgoing):
    """What it takes to work, one by one. Why something failed stands in the log."""

    status: State
    database: Annotated[State, Field(description="The database answers.")]
    schema_: Annotated[State, Field(alias="schema", description="Its schema is the newest.")]
    key: Annotated[State, Field(description="The key opens its secrets.")]


@router.head("/healthz", include_in_schema=False, dependencies=_ANYBODY)
@router.get("/healthz", dependencies=_ANYBODY)
async def alive() -> Alive:
    """Say that the process answers."""
    return Alive()


@router.head("/readyz", include_in_schema=False, dependencies=_ANYBODY)
@router.get(
    "/readyz",
    dependencies=_ANYBODY,
    responses={503: {"model": Ready, "description": "Something that it needs fails."}},
)
async def ready(running: Running, response: Response) -> Ready:
    """Say whether the database, its schema and the key are as they must be."""
    database, schema = await _database(running)
    key = await _key(running) if schema == "ok" else "failed"
    status: State = "ok" if key == "ok" else "failed"
    response.status_code = 200 if status == "ok" else 503
    return Ready.model_validate(
        {"status": status, "database": database, "schema": schema, "key": key}
    )


async def _database(running: Installation) -> tuple[State, State]:
    try:
        found = await running.database.read(revisions)
    except sa.exc.SQLAlchemyError as error:
        _log.warning("database_unready", why=type(error).__name__)
        return "failed", "failed"
    return "ok", "ok" if found.newest else "failed"


async def _key(running: Installation) -> State:
    try:
        await running.identity.keyring.signer()
    except VaultError as error:
        _log.warning("key_unready", why=error.message)
        return "failed"
    return "ok"
