"""What Prometheus is told, and who may ask: the same of the API and of a worker that listens."""

import asyncio
import hmac
from typing import Any, Protocol

from pydantic import AnyHttpUrl, SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from penstock.api.peer import is_this_machine
from penstock.domain.errors import Forbidden
from penstock.domain.remedy import fix_code
from penstock.observe.metrics import Metrics


class MetricsClosed(Forbidden):
    """The metrics are not for you."""


class Decided(Protocol):
    """What the operator decided of the metrics: a part of the settings."""

    @property
    def metrics_token(self) -> SecretStr | None:
        """The bearer token that opens them, if one is set."""

    @property
    def public_url(self) -> AnyHttpUrl | None:
        """How the world reaches this installation, where a proxy stands before it."""


async def scraped(scope: Any, settings: Decided, metrics: Metrics) -> Response:  # noqa: ANN401 - an ASGI scope
    """Return the counts in Prometheus' text format. Raises MetricsClosed.

    With a token set, whoever sends it as `Authorization: Bearer …` may read them; without, only
    this machine, and where `public_url` names a proxy, nobody: not every proxy says that it is one.
    """
    token = settings.metrics_token
    proxied = settings.public_url is not None
    if token is None and (proxied or not is_this_machine(scope)):
        raise MetricsClosed(
            "The metrics are shown on the machine itself only, and not through a proxy.",
            remedy=fix_code("Set PENSTOCK_METRICS_TOKEN, and let Prometheus send it."),
        )
    if token is not None:
        wanted = f"Bearer {token.get_secret_value()}".encode()
        given = Request(scope).headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, wanted):
            raise MetricsClosed("The metrics need the operator's token.")
    # It reads how fresh the connections are from the database, which the loop must not wait for.
    body, media_type = await asyncio.to_thread(metrics.render)
    return Response(body, media_type=media_type)


def metrics_app(settings: Decided, metrics: Metrics) -> Starlette:
    """Return an app that has `/metrics` and nothing else, for a process without an API."""

    async def answer(request: Request) -> Response:
        try:
            return await scraped(request.scope, settings, metrics)
        except MetricsClosed as closed:
            remedy = f"\nWhat to do: {closed.remedy.text}" if closed.remedy else ""
            return PlainTextResponse(f"{closed.message}{remedy}\n", status_code=403)

    return Starlette(routes=[Route("/metrics", answer)])
