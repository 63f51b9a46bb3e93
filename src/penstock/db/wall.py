"""The second wall between people, on PostgreSQL: row-level security (security.md X1).

The first is that every query names its owner. Should one forget to, the database still shows a
caller none but their own rows: each transaction of a request says whose it is, in the setting
`penstock.owner`, and each table's policy compares. Where that is empty the program itself is at
work (it signs people in, syncs, sweeps up) and sees all. To a superuser, or a role with BYPASSRLS,
no policy applies: there the first wall stands alone.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Final

import sqlalchemy as sa

_BOUND: Final[ContextVar[int | None]] = ContextVar("penstock_owner", default=None)
_POLICY: Final = "of_its_owner"
_OWNER: Final = "current_setting('penstock.owner', true)"
# In sub-selects, so that they are computed once for a statement and not once for a row.
_UNBOUND: Final = f"(SELECT coalesce({_OWNER}, '') = '')"
_NUMBER: Final = f"(SELECT nullif({_OWNER}, '')::bigint)"

APART: Final[Mapping[str, str]] = {
    "audit": "one chain through everybody's deeds",
    "audit_head": "where the chain ends, for whoever does the next deed",
    "audit_key": "the chain's key, sealed",
    "breakers": "how a provider does, for everybody",
    "clients": "programs that an admin registered, for everybody",
    "decoys": "marks of rows that nobody has",
    "device_codes": "of devices about which nobody has decided",
    "dpop_proofs": "hashes of proofs that were seen",
    "notice_targets": "the operator's own addresses, by their hash",
    "notice_turns": "the operator's own addresses, by their hash",
    "price_answers": "what sources of prices answered, for everybody",
    "price_history": "of which days prices were asked for, for everybody",
    "price_robots": "what sites ask of programs, for everybody",
    "price_turns": "when what somebody holds is asked for, for everybody",
    "prices": "what things cost, for everybody",
    "pushed_requests": "of programs, by a hash of a name that only they were told",
    "rate_documents": "how far the central bank's documents were read, for everybody",
    "rates": "what money costs in other money, for everybody",
    "setup_links": "made before there is anybody",
    "sign_in_attempts": "of people who are not signed in, by a hash of their name",
    "signing_keys": "the program's own, sealed",
    "spent_challenges": "hashes of challenges that were answered",
    "vault_check": "tells the right key from a wrong one",
}
"""The tables of our schema that have no policy, and why that is right."""


def bind(owner_id: int | None) -> None:
    """Let whatever this context asks the database for be this person's; None: the program's."""
    _BOUND.set(owner_id)


def bound() -> int | None:
    """Return whose this context's transactions are."""
    return _BOUND.get()


def of_owner(column: str = "owner_id") -> str:
    """Return the rule of rows that name their owner."""
    return f"{column} = {_NUMBER}"


def of_parent(column: str, parent: str) -> str:
    """Return the rule of rows that belong to another's: its own policy shows only the owner's."""
    return f"EXISTS (SELECT 1 FROM {parent} p WHERE p.id = {column})"  # noqa: S608 - our own names


def enclosing(table: str, rule: str) -> list[str]:
    """Return the statements that put a table behind the wall, also for the role that owns it."""
    return [
        f"CREATE POLICY {_POLICY} ON {table} USING ({_UNBOUND} OR {rule})",
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
    ]


def listen(engine: sa.Engine) -> None:
    """Have each transaction on a PostgreSQL engine begin by saying whose it is."""

    @sa.event.listens_for(engine, "begin")
    def _say(connection: sa.Connection) -> None:
        owner_id = _BOUND.get()
        if owner_id is not None:
            _say_owner(connection, owner_id)


def _say_owner(connection: sa.Connection, owner_id: int) -> None:
    """Begin the transaction and say whose it is, in the one trip that its beginning takes anyway.

    Also where the driver would begin none: what is said holds to the end of a transaction.
    """
    driver: Any = connection.connection.driver_connection
    begin = "BEGIN"
    if not driver.autocommit and driver.isolation_level is not None:
        begin += f" ISOLATION LEVEL {driver.isolation_level.name.replace('_', ' ')}"
    if not driver.autocommit and driver.read_only:
        begin += " READ ONLY"
    said = f"{begin}; SET LOCAL penstock.owner = '{int(owner_id)}'"
    if driver.pgconn.exec_(said.encode()).error_message:
        connection.exec_driver_sql("SELECT 1")  # raises what SQLAlchemy makes of a dead connection
        raise RuntimeError("PostgreSQL did not take whose transaction this is.")


def passes(connection: sa.Connection) -> str | None:
    """Return why no policy applies to the role that we are connected as; None: they do."""
    found = connection.exec_driver_sql(
        "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
    ).one()
    if found.rolsuper:
        return f"the role {found.rolname} is a superuser"
    return f"the role {found.rolname} has BYPASSRLS" if found.rolbypassrls else None


def gaps(connection: sa.Connection) -> list[str]:
    """Return the tables that should be behind the wall, and are not."""
    found = connection.exec_driver_sql(
        "SELECT c.relname FROM pg_class c WHERE c.relkind = 'r' "
        "AND c.relnamespace = current_schema()::regnamespace AND c.relname <> 'alembic_version' "
        "AND NOT (c.relrowsecurity AND c.relforcerowsecurity "
        "AND EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid)) ORDER BY c.relname"
    )
    return [name for name in found.scalars() if name not in APART]
