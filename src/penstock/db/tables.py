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
    idempotency,
    leases,
    links,
    refresh_tokens,
    runs,
    sessions,
    setup_links,
    sign_in_attempts,
    signing_keys,
    tie_outs,
    transactions,
    users,
    vault_check,
)
from penstock.db.metadata import metadata

__all__ = ["metadata"]
