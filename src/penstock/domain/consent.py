"""What a person allowed us to read, how they allow it, and what opens the door afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from penstock.domain.secret import Secret


class ConsentState(StrEnum):
    """Where a connection's consent stands (sync.md 26)."""

    ACTIVE = "active"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    REVOKED = "revoked"
    LOGIN_REQUIRED = "login_required"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What opens a connection. `expires_at` is the access token's; None: it does not expire."""

    access: Secret
    refresh: Secret | None = None
    expires_at: datetime | None = None
    scope: str = ""


class ClientAuth(StrEnum):
    """How we prove to an authorization server which client we are (RFC 6749 §2.3)."""

    NONE = "none"
    BASIC = "client_secret_basic"
    POST = "client_secret_post"


class Rotation(StrEnum):
    """What a refresh does to the refresh token.

    GRACE: it rotates, and the bank takes the old one once more. STRICT: it rotates, and a second
    use of the old one ends the consent.
    """

    NONE = "none"
    REUSABLE = "reusable"
    GRACE = "rotating_with_grace"
    STRICT = "rotating_strict"


@dataclass(frozen=True, slots=True)
class OAuthPlan:
    """OAuth 2 authorization code, with PKCE S256 where `pkce` (RFC 6749, 7636, 9207).

    `issuer` is compared with the `iss` of the callback, where the server sends one, and
    demanded where `iss_required`. `parameters` go along to the authorization endpoint.
    """

    issuer: str
    authorize_url: str
    token_url: str
    revoke_url: str | None
    client_id: str
    client_secret: Secret | None = None
    client_auth: ClientAuth = ClientAuth.NONE
    scopes: tuple[str, ...] = ()
    pkce: bool = True
    iss_required: bool = False
    rotation: Rotation = Rotation.STRICT
    consent_days: int | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TokenPlan:
    """The person makes a token at the provider and pastes it. `where` says how, `url` where."""

    where: str
    url: str


LinkPlan = OAuthPlan | TokenPlan
