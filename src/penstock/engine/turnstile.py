"""What every request to a bank passes before it is sent, and what hears of its answer."""

from typing import Protocol

from penstock.domain.protocol import Sender
from penstock.domain.request import Request, Response


class Turnstile(Protocol):
    """What the driver asks before and after each request."""

    async def admit(self, request: Request) -> None:
        """Return when the request may be sent. Raises Halt where that is not soon."""

    async def admit_refresh(self) -> None:
        """Return when the token endpoint may be asked. Raises Halt where that is not soon."""

    def noting(self, send: Sender) -> Sender:
        """Return a sender for the token endpoint whose answers are noted as all others are."""

    async def failed(self) -> None:
        """Note that no whole answer came."""

    async def heard(self, request: Request, response: Response) -> None:
        """Note what an answer says of the institution's health and of its limits."""

    async def put_off(self, request: Request, seconds: float) -> None:
        """Note that the bank asked to be left alone for so long."""

    async def went_well(self) -> None:
        """Note that everything was read that was asked for."""


class Unmetered:
    """Lets everything through."""

    async def admit(self, request: Request) -> None:
        """Let it through."""

    async def admit_refresh(self) -> None:
        """Let it through."""

    def noting(self, send: Sender) -> Sender:
        """Return it as it is."""
        return send

    async def failed(self) -> None:
        """Think nothing of it."""

    async def heard(self, request: Request, response: Response) -> None:
        """Think nothing of it."""

    async def put_off(self, request: Request, seconds: float) -> None:
        """Think nothing of it."""

    async def went_well(self) -> None:
        """Think nothing of it."""
