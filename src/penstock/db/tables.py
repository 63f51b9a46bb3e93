"""Every table there is, for migrations and for whoever wants to see them all."""

from penstock.db import (  # noqa: F401  (importing a table declares it)
    accounts,
    aliases,
    balances,
    connections,
    credentials,
    cursors,
    erasures,
    feeds,
    leases,
    links,
    runs,
    tie_outs,
    transactions,
    users,
    vault_check,
)
from penstock.db.metadata import metadata

__all__ = ["metadata"]
