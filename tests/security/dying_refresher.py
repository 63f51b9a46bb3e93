"""A process that dies, by SIGKILL, between a bank's answer to a refresh and our commit.

`python -m tests.security.dying_refresher JSON`: with url, bank_url, connection_id and owner_id.
"""

import asyncio
import json
import os
import signal
import sys
from dataclasses import replace
from datetime import timedelta

from penstock.db import credentials
from penstock.domain.request import Request, Response
from tests import loopback
from tests.engine.acts import open_branch

CLAIM = timedelta(seconds=1)


async def die(url: str, bank_url: str, connection_id: int, owner_id: int) -> None:
    """Refresh, and be gone as soon as the answer is here."""
    async with open_branch(url, bank_url) as branch:
        stored = await branch.database.read(credentials.find, connection_id)
        assert stored is not None

        async def send(request: Request) -> Response:
            response = await branch.outbound.send(request)
            assert response.status == 200, response
            os.kill(os.getpid(), signal.SIGKILL)
            return response

        tokens = replace(branch.tokens(connection_id, owner_id), send=send, claim_time=CLAIM)
        await tokens.renew(branch.seals.open(stored, owner_id))


if __name__ == "__main__":
    loopback.install()
    asyncio.run(die(**json.loads(sys.argv[1])))
