"""What a session is for, and who brings its refresh token back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from penstock.identity.scopes import ALL, Scope

OWN_CLIENT: Final = "penstock"
"""The client id of our own programs."""

PERSONAL: Final = "personal-token"
"""What stands for the client id in the session of a personal access token."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a session is for.

    `client_id` is the program that gets it. `methods` say how the person proved who they are, as
    RFC 8176 names them, and `proved_at` when (None: just now). `key_thumbprint` (RFC 7638) is that
    of the key to which all tokens of the session are bound (RFC 9449), None where they are not.
    """

    scopes: frozenset[Scope] = ALL
    client_id: str = OWN_CLIENT
    methods: tuple[str, ...] = ("pwd",)
    key_thumbprint: str | None = None
    proved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Presenter:
    """Who brings a refresh token, as far as the request proves it.

    `key_thumbprint` is that of the key whose DPoP proof came along. `authenticated` says that the
    client showed a secret or a key of its own: its id alone is known to everybody.
    """

    client_id: str = OWN_CLIENT
    key_thumbprint: str | None = None
    authenticated: bool = False


OURS: Final = Presenter()
"""One of our own programs, without a proof."""
