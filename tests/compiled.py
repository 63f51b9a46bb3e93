"""One cache of compiled statements for all the databases of a run.

SQLAlchemy keeps what a statement compiles to with each engine. Every test opens engines of its own,
so that to compile the same few hundred statements again was a third of what its database cost. What
they compile to depends on the kind of the database alone, and there is one server of each kind.
"""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

_COMPILED: Final = LRUCache[object, object](4000)


class _Sharing(DefaultDialect):
    """A dialect that takes another of its class for the same: the cache is asked by it."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    @classmethod
    def engine_created(cls, engine: sa.Engine) -> None:
        engine.update_execution_options(compiled_cache=_COMPILED)


class SharingSqlite(_Sharing, SQLiteDialect_pysqlite):
    supports_statement_cache = True


class SharingPostgres(_Sharing, PGDialect_psycopg):
    supports_statement_cache = True


def share() -> None:
    """Let every engine that this process makes from now on use the one cache."""
    registry.register("sqlite", __name__, "SharingSqlite")
    registry.register("postgresql.psycopg", __name__, "SharingPostgres")
