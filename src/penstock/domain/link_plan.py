"""The ways in which a person lets us in, as connectors declare them.

The authorization code of OAuth 2; a token that the person makes and pastes; and a visit to the
bank that has to be arranged first. Where a protocol has steps of its own they are generators, as
all that a connector asks.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from penstock.domain.consent import Credentials
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret


class ClientAuth(StrEnum):
    """How we prove to an authorization server which client we are (RFC 6749 §2.3)."""

    NONE = "none"
    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    KEY = "private_key_jwt"
    CERTIFICATE = "tls_client_auth"
    OWN_CERTIFICATE = "self_signed_tls_client_auth"


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A private key of ours whose public half the provider knows as `kid` (RFC 7523).

    `pem` is not locked: of the curve P-256 (signs ES256) or RSA of 2048 bits and more (PS256).
    """

    pem: Secret
    kid: str


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
    demanded where `iss_required`. `parameters` go along to the authorization endpoint. `is_dead`
    recognises the answer to a refresh that ends the consent, of servers that do not say
    `invalid_grant`. `end` gives the tokens back where that is not done at a `revoke_url` (RFC
    7009); it raises OAuthError. Where it `publishes`, the three addresses are read each time from
    what the issuer says of itself (RFC 8414), and are empty here.

    What banks of FAPI 2.0 ask for is chosen one by one. `client_key` signs what proves who we are,
    where `client_auth` says so. `pushes`: what we ask for goes to `push_url` first, and the person
    takes only its name along (RFC 9126). `dpop`: tokens are bound to a key of the connection's own
    (RFC 9449). `shows_certificate`: the connector's certificate opens the bank, so that addresses
    are the aliases which the issuer publishes for that (RFC 8705 §5).
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
    is_dead: Callable[[Response], bool] | None = None
    end: Callable[[Credentials], Generator[Request, Response, None]] | None = None
    publishes: bool = False
    client_key: ClientKey | None = None
    pushes: bool = False
    push_url: str = ""
    dpop: bool = False
    shows_certificate: bool = False


@dataclass(frozen=True, slots=True)
class Granted:
    """What a link gives in the end. `consent_expires_at` is what the bank itself says of it."""

    credentials: Credentials
    consent_expires_at: datetime | None = None


Claim = Callable[[Secret], Generator[Request, Response, Granted]]
"""Turns what was pasted into what opens the connection. Raises OAuthError and ContractBroken."""


@dataclass(frozen=True, slots=True)
class TokenPlan:
    """The person makes a token at the provider and pastes it. `where` says how, `url` where.

    It opens the connection itself, unless it has to be claimed (once) for something that does.
    """

    where: str
    url: str
    claim: Claim | None = None


@dataclass(frozen=True, slots=True)
class Errand:
    """A person who is about to be sent to the bank.

    They must come back to `redirect_uri`, with `state` in the query. `parameters` are what they
    chose, such as their institution. `renewed` opens the connection that is to be renewed, for
    banks where that is another visit.
    """

    redirect_uri: str
    state: str
    parameters: Mapping[str, str]
    renewed: Credentials | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """Where to send the person. `note` is kept, sealed, until they are back."""

    url: str
    note: Secret


@dataclass(frozen=True, slots=True)
class Return:
    """A person who is back: what stood in the query, each name once, and the `note` of before."""

    parameters: Mapping[str, str]
    redirect_uri: str
    note: Secret


@dataclass(frozen=True, slots=True)
class VisitPlan:
    """A visit to the bank that is arranged with it first: a consent object, a link token.

    `begin` arranges it, `finish` fetches what came of it; either raises OAuthError where the bank
    or the person says no, InvalidInput for a choice that cannot be, and ContractBroken. `chooses`
    are the parameters without which it cannot begin, such as `institution`; a renewal may do
    without, for `begin` is told what is renewed. Where people are not always sent back (`returns`),
    they may say themselves that they are done: `finish` is then told the state alone. `end` gives
    back at the bank what came of it, where the bank has a way to; it raises OAuthError.
    """

    begin: Callable[[Errand], Generator[Request, Response, Sent]]
    finish: Callable[[Return], Generator[Request, Response, Granted]]
    chooses: tuple[str, ...] = ()
    returns: bool = True
    consent_days: int | None = None
    end: Callable[[Credentials], Generator[Request, Response, None]] | None = None


LinkPlan = OAuthPlan | TokenPlan | VisitPlan
