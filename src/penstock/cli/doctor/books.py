"""Whether what is stored keeps its promises: read whole, and never written to."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from penstock.cli.doctor.check import Check, fail, ok
from penstock.db import invariants, soundness
from penstock.db.invariants import Broken, Invariant
from penstock.db.lane import Database

_SHOWN: Final = 3


def checks(database: Database) -> list[Check]:
    """Compare the schema with the declared one, and every row with the rules."""
    return database.read_now(_examined)


def _examined(connection: sa.Connection) -> list[Check]:
    with soundness.reading_only(connection):
        found = [tables(soundness.differences(connection))]
        if connection.dialect.name == "postgresql":
            found.append(indexes(soundness.invalid_indexes(connection)))
        if any(one.remedy for one in found[:1]):
            return found
        return found + [of_rule(*one) for one in invariants.check(connection)]


def tables(differences: Sequence[str]) -> Check:
    """Say whether the tables are those that the program declares."""
    if differences:
        remedy = "Restore the last backup: somebody changed the tables by hand."
        return fail("tables", f"differ from what is declared: {_few(differences)}", remedy)
    return ok("tables", "are as declared")


def indexes(invalid: Sequence[str]) -> Check:
    """Say whether PostgreSQL uses every index that it keeps."""
    if invalid:
        return fail("indexes", f"invalid: {_few(invalid)}", f"Run `REINDEX INDEX {invalid[0]}`.")
    return ok("indexes", "every one is valid")


def of_rule(rule: Invariant, broken: Sequence[Broken]) -> Check:
    """Say whether a rule holds, and where it does not."""
    if not broken:
        return ok(rule.name, rule.promise)
    return fail(rule.name, _few([_said(one) for one in broken]), rule.remedy)


def _said(one: Broken) -> str:
    rows = "1 row" if one.rows == 1 else f"{one.rows:,} rows"
    return f"{rows} of {one.table}: {one.fault} (one is {one.example})"


def _few(named: Sequence[str]) -> str:
    more = f"; and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return "; ".join(named[:_SHOWN]) + more
