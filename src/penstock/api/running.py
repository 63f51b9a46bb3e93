"""The running Penstock, as the routes see it."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request
from pydantic import AnyHttpUrl, SecretStr

from penstock.db.audit import AuditLog
from penstock.db.lane import Database
from penstock.db.runs import Tally
from penstock.domain.clock import Clock
from penstock.domain.protocol import Connector
from penstock.domain.trail import Trail
from penstock.engine.forget import Forgetter
from penstock.engine.hooks import Inbox
from penstock.engine.importing import Importer
from penstock.engine.link import Linker
from penstock.engine.meter import Meters
from penstock.engine.price import Pricer
from penstock.engine.price_history import Backfiller
from penstock.engine.rates import Refreshed
from penstock.engine.replay import Replayer
from penstock.engine.worth import Valuer
from penstock.identity.authorization import Authorization
from penstock.identity.decoys import Decoys
from penstock.identity.dpop import Proofs
from penstock.identity.identity import Identity
from penstock.observe.metrics import Metrics
from penstock.quotes.standing import Sources
from penstock.vault.cipher import Cipher


class Runner(Protocol):
    """Runs syncs in the background of this process (worker/runner.py)."""

    async def sync_now(
        self, connection_id: int, *, trigger: str, from_start: bool = False, request_id: str | None
    ) -> int:
        """Start a sync, or find the one that is running; return its run's number at once."""

    def live(self, run_id: int) -> Tally | None:
        """Return the counts of a run of this process, as they grow; None for any other run."""


class Quotes(Protocol):
    """Asks sources for prices (quotes/fetch.py)."""

    async def explain(
        self, symbols: Iterable[str], *, source: str | None = None, deadline: float | None = None
    ) -> list[Trail]:
        """Return how each symbol came to its quote or its error, in order.

        With `source`, from it alone. After so many seconds, what has no price has an error.
        """


class Rates(Protocol):
    """Keeps official exchange rates (engine/rates.py)."""

    async def refresh(self) -> Refreshed:
        """Ask for what is missing and store it. Raises QuoteError."""


class Markets(Protocol):
    """All that has to do with prices (markets.py)."""

    @property
    def pricer(self) -> Pricer:
        """How what is held is kept priced."""

    @property
    def backfiller(self) -> Backfiller:
        """How past days are priced."""


class Rules(Protocol):
    """What an operator decided that the API must know: a part of the settings."""

    @property
    def public_url(self) -> AnyHttpUrl | None:
        """How the world reaches us."""

    @property
    def trusted_proxies(self) -> tuple[str, ...]:
        """Whose X-Forwarded headers are believed."""

    @property
    def metrics_token(self) -> SecretStr | None:
        """What opens `/metrics` from elsewhere."""

    @property
    def password_grant(self) -> bool:
        """Whether `POST /token` takes a name and a password."""

    @property
    def redirect_uris(self) -> tuple[str, ...]:
        """The operator's own addresses to which a bank may send a person back."""

    @property
    def sync_every_minutes(self) -> int:
        """How old a connection may grow before it is synced by itself."""


class Installation(Protocol):
    """Everything that a route may use. `wiring.Penstock` is one of these."""

    @property
    def settings(self) -> Rules:
        """What the operator decided."""

    @property
    def clock(self) -> Clock:
        """What time it is."""

    @property
    def database(self) -> Database:
        """What is remembered."""

    @property
    def cipher(self) -> Cipher:
        """How secrets are sealed."""

    @property
    def audit(self) -> AuditLog:
        """Where it is written down who did what."""

    @property
    def decoys(self) -> Decoys:
        """What only somebody uses who has a copy of the database."""

    @property
    def metrics(self) -> Metrics:
        """What is counted."""

    @property
    def identity(self) -> Identity:
        """People, sessions and tokens."""

    @property
    def authorization(self) -> Authorization:
        """Programs that people may let in."""

    @property
    def proofs(self) -> Proofs:
        """How a request proves that it has a token's key."""

    @property
    def connectors(self) -> Mapping[str, Connector]:
        """Which banks there are, by name."""

    @property
    def linker(self) -> Linker:
        """How a connection begins."""

    @property
    def forgetter(self) -> Forgetter:
        """How it ends."""

    @property
    def replayer(self) -> Replayer:
        """How what it once said is mapped again."""

    @property
    def importer(self) -> Importer:
        """How files are imported."""

    @property
    def runner(self) -> Runner:
        """How it is synced."""

    @property
    def inbox(self) -> Inbox:
        """Where providers tell us that there is news."""

    @property
    def meters(self) -> Meters:
        """How often banks are asked."""

    @property
    def quotes(self) -> Quotes:
        """How prices are asked for."""

    @property
    def rates(self) -> Rates:
        """How exchange rates are kept."""

    @property
    def sources(self) -> Sources:
        """Where prices may come from, and how each source stands."""

    @property
    def markets(self) -> Markets:
        """What else has to do with prices."""

    @property
    def valuer(self) -> Valuer:
        """What people and their positions are worth."""


Opener = Callable[[], AbstractAsyncContextManager[Installation]]
"""Opens the Penstock that an app serves, for as long as the app lives."""


def installation_of(scope: Any) -> Installation:  # noqa: ANN401 - an ASGI scope is a bare mapping
    """Return the Penstock behind an ASGI scope."""
    running: Installation = scope["app"].state.installation
    return running


async def running_of(request: Request) -> Installation:
    """Return the Penstock that a request came to."""
    return installation_of(request.scope)


Running = Annotated[Installation, Depends(running_of)]
"""Write `running: Running` among a route's parameters to be given the running Penstock."""
