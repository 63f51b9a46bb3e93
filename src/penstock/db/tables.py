"""Every table there is, for migrations and for whoever wants to see them all."""

from penstock.db import (  # noqa: F401  (importing a table declares it)
    accounts,
    aliases,
    archives,
    balances,
    breakers,
    budgets,
    connections,
    credentials,
    cursors,
    erasures,
    feeds,
    holdings,
    hooks,
    idempotency,
    images,
    leases,
    links,
    notices,
    quarantine,
    refresh_tokens,
    refreshes,
    runs,
    sessions,
    setup_links,
    sign_in_attempts,
    signing_keys,
    suggestions,
    tie_outs,
    transactions,
    users,
    vault_check,
)
from penstock.db.metadata import metadata

__all__ = ["metadata"]
