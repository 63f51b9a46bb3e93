"""What the processes of a crowd do with a database that is not ready yet (crowd.py)."""

from penstock.db import migrations
from tests.engine.crowd import Gate


async def prepare(gate: Gate, *, url: str, scripts: str) -> str:
    """Bring a database to the newest schema of these steps."""
    gate()
    migrations.prepare(url, scripts)
    return "ready"
