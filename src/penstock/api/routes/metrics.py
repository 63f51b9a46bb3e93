"""Counts for Prometheus: to this machine, or to whoever has the operator's token."""

import asyncio
import hmac

from fastapi import Request
from starlette.responses import Response

from penstock.api.auth import open_to_all
from penstock.api.peer import is_this_machine
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.domain.errors import Forbidden
from penstock.domain.remedy import fix_code

router = nouns("health", prefix="")


class MetricsClosed(Forbidden):
    """The metrics are not for you."""


@router.get(
    "/metrics",
    dependencies=[open_to_all("it has a token of its own, or answers this machine only")],
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        403: {},
    },
)
async def metrics(request: Request, running: Running) -> Response:
    """Return the counts in Prometheus' text format.

    With PENSTOCK_METRICS_TOKEN set, send it as `Authorization: Bearer …`; without, only requests
    from this machine are answered, and where PENSTOCK_PUBLIC_URL names a proxy, none: not every
    proxy says that it is one.
    """
    token = running.settings.metrics_token
    proxied = running.settings.public_url is not None
    if token is None and (proxied or not is_this_machine(request.scope)):
        raise MetricsClosed(
            "The metrics are shown on the machine itself only, and not through a proxy.",
            remedy=fix_code("Set PENSTOCK_METRICS_TOKEN, and let Prometheus send it."),
        )
    if token is not None:
        wanted = f"Bearer {token.get_secret_value()}".encode()
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, wanted):
            raise MetricsClosed("The metrics need the operator's token.")
    # It reads how fresh the connections are from the database, which the loop must not wait for.
    body, media_type = await asyncio.to_thread(running.metrics.render)
    return Response(body, media_type=media_type)
