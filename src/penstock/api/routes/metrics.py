"""Counts for Prometheus: to this machine, or to whoever has the operator's token."""

from fastapi import Request
from starlette.responses import Response

from penstock.api.auth import open_to_all
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.scraping import scraped

router = nouns("health", prefix="")


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
    return await scraped(request.scope, running.settings, running.metrics)
