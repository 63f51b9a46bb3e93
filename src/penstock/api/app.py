"""The HTTP API.

To add the routes of a noun: write `routes/<noun>.py` with `router = nouns("accounts")` (routing.py)
and its routes, and put the module into `NOUNS` below. Then:

- Each route says who may call it: `caller: Annotated[Caller, require("read")]`, `SIGNED_IN`, or
  `dependencies=[open_to_all("why")]` (auth.py). One that says nothing raises TypeError here.
- `running: Running` gives the open Penstock (running.py). Read and write through
  `await running.database.read(function, …, owner_id=caller.user_id)`: functions are `async def`.
- A path parameter is a public id, as text: `row_number("acc", account_id)` raises NotFound.
- Raise the errors of domain/errors.py; errors.py makes problems of them.
- `page: Page` takes `?cursor=` and `?limit=`; answer `{"rows": […], "next_cursor": … or null}`
  with `cursor_after(…)` (paging.py).
- What comes in is a subclass of `Incoming`; days and whole numbers as in schemas.py. What goes out
  is a subclass of `Outgoing`, or a Response of bytes that msgspec encoded, with `response_model`.
- A POST needs nothing for `Idempotency-Key`: routing.py does it.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any, Final

import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from penstock.api.envelope import Envelope
from penstock.api.errors import answer_database, answer_error, answer_http, answer_invalid
from penstock.api.limits import BodyLimit
from penstock.api.openapi import Described
from penstock.api.peer import read_proxies
from penstock.api.routes import (
    accounts,
    audit,
    authorize,
    balances,
    breakers,
    bridge,
    budgets,
    callbacks,
    changes,
    clients,
    connections,
    connectors,
    consents,
    device,
    device_authorization,
    docs,
    everybody,
    export,
    factors,
    health,
    holdings,
    hooks,
    imports,
    inspection,
    institutions,
    invitation,
    links,
    mappings,
    metrics,
    networth,
    own_prices,
    own_rates,
    passkeys_script,
    people,
    pushed,
    quarantine,
    quote_backfill,
    quote_history,
    quote_refresh,
    quotes,
    rates,
    replay,
    securities,
    security,
    security_acts,
    server_metadata,
    setup,
    sign_in,
    sources,
    suggestions,
    syncs,
    tie_outs,
    token,
    tokens,
    transactions,
    undo,
)
from penstock.api.routing import PenstockRoute
from penstock.api.running import Opener
from penstock.domain.errors import PenstockError

NOUNS: Final[tuple[ModuleType, ...]] = (
    token,
    device,
    device_authorization,
    tokens,
    authorize,
    pushed,
    inspection,
    server_metadata,
    clients,
    consents,
    people,
    factors,
    everybody,
    audit,
    connectors,
    institutions,
    connections,
    links,
    callbacks,
    bridge,
    accounts,
    balances,
    holdings,
    securities,
    security_acts,
    networth,
    own_prices,
    transactions,
    syncs,
    undo,
    replay,
    imports,
    mappings,
    quarantine,
    suggestions,
    tie_outs,
    hooks,
    budgets,
    breakers,
    changes,
    export,
    quote_refresh,
    quotes,
    quote_backfill,
    quote_history,
    rates,
    own_rates,
    health,
    metrics,
    docs,
    setup,
    sign_in,
    sources,
    passkeys_script,
    security,
    invitation,
)
"""Every module with routes. A new one is one line here."""

_ABOUT: Final = (
    "Your accounts, balances, holdings and transactions, in step with the bank. "
    "Amounts are decimals in strings, + is towards you; instants are UTC; lists are pages. "
    "Errors are `application/problem+json`, with a `remedy` where somebody can act."
)


def create_app(opener: Opener, nouns: Iterable[ModuleType] = NOUNS) -> FastAPI:
    """Return the app that serves what `opener` opens. Nothing is opened before it starts.

    Raises TypeError where a route does not say who may call it.
    """
    app = Described(
        title="Penstock",
        version="1",
        openapi_url=None,
        summary="A self-hosted financial data hub.",
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan(opener),
        middleware=[Middleware(Envelope), Middleware(BodyLimit)],
        exception_handlers={
            PenstockError: answer_error,
            sa.exc.OperationalError: answer_database,
            sa.exc.InterfaceError: answer_database,
            RequestValidationError: answer_invalid,
            HTTPException: answer_http,
        },
    )
    for noun in nouns:
        _add(app, noun)
    return app


def _lifespan(opener: Opener) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def live(app: FastAPI) -> AsyncIterator[None]:
        async with opener() as installation:
            await installation.identity.keyring.check()  # no start with a weak key
            app.state.installation = installation
            app.state.proxies = read_proxies(installation.settings.trusted_proxies)
            yield

    return live


def _add(app: FastAPI, noun: ModuleType) -> None:
    for route in noun.router.routes:
        if not isinstance(route, PenstockRoute):
            raise TypeError(
                f"{noun.__name__}: make the router with nouns(…), so that it is guarded"
            )
        app.router.routes.append(route)
