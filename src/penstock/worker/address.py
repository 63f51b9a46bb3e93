"""The address of our PostgreSQL, as the job engine's driver wants it."""

from typing import Final

import sqlalchemy as sa

_KNOWN: Final = frozenset(
    "host port user password passfile dbname database sslmode sslcert sslkey sslrootcert sslcrl "
    "sslpassword ssl_min_protocol_version ssl_max_protocol_version target_session_attrs "
    "krbsrvname gsslib service servicefile application_name".split()
)


def asyncpg_address(url: sa.URL) -> str:
    """Return a DSN for asyncpg: what only libpq knows is left out, and would be refused."""
    query = {name: value for name, value in url.query.items() if name in _KNOWN}
    plain = url.set(drivername="postgresql", query=query)
    return plain.render_as_string(hide_password=False)
