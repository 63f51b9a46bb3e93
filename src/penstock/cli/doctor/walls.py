"""Whether the database itself keeps people apart (row-level security)."""

import sqlalchemy as sa

from penstock.cli.doctor.check import Check, fail, ok, warn
from penstock.db import wall


def check(connection: sa.Connection) -> Check:
    """Say whether the second wall stands, on PostgreSQL."""
    gaps = wall.gaps(connection)
    if gaps:
        remedy = "Restore the last backup: somebody took row-level security off by hand."
        return fail("wall", f"no row-level security on {', '.join(gaps)}", remedy)
    why = wall.passes(connection)
    if why is not None:
        remedy = "Use an ordinary role that owns the database (docs/how-to/postgresql.md)."
        return warn("wall", f"row-level security does nothing: {why}", remedy)
    return ok("wall", "row-level security keeps people apart, beside every query")
