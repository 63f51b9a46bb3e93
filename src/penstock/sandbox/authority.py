"""Who may read what: codes, grants and tokens of the bank's authorization server. No HTTP here.

OAuth 2.1 authorization code with PKCE S256 (RFC 7636), refresh tokens that rotate (RFC 9700
§4.14), revocation (RFC 7009), introspection (RFC 7662). Tokens are opaque; only their hashes
are kept.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from penstock.domain.clock import Clock
from penstock.domain.consent import ConsentState
from penstock.domain.errors import OAuthError
from penstock.sandbox.scenario import Scenario

CODE_LIFETIME = timedelta(seconds=60)
EXPIRING_WITHIN = timedelta(days=7)
SOON = timedelta(days=3)
GRACEFUL = frozenset({Scenario.ROTATION_WITH_GRACE, Scenario.ROTATED_TOKEN_LOST})
DEAD = frozenset({ConsentState.EXPIRED, ConsentState.REVOKED, ConsentState.LOGIN_REQUIRED})


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks a person for; `challenge` is empty where the protocol has no PKCE."""

    client_id: str
    redirect_uri: str
    challenge: str
    scope: str


PERSONAL = Asked("personal", "", "", "accounts balances transactions")
"""What a token that somebody made by hand is good for: everything."""


@dataclass(slots=True)
class Grant:
    """What one person allowed one client, and everything that came of it.

    `refresh` and `parent` are hashes: of the living refresh token, and of the one before it where
    that works once more. `requests`, `refreshes`, `updates` and `faults` are counted.
    """

    number: int
    asked: Asked
    person: str
    scenario: Scenario
    consent_ends: datetime
    state: ConsentState = ConsentState.ACTIVE
    refresh: str = ""
    parent: str = ""
    access: dict[str, datetime] = field(default_factory=dict)
    requests: int = 0
    refreshes: int = 0
    updates: int = 0
    faults: int = 0


@dataclass(frozen=True, slots=True)
class Tokens:
    """A token answer; `seconds` is how long the access token lives."""

    grant: Grant
    access: str
    refresh: str
    seconds: int


@dataclass(frozen=True, slots=True)
class _Code:
    asked: Asked
    person: str
    scenario: Scenario
    ends: datetime


class Authority:
    """The bank's authorization server. Raises OAuthError, with the RFC's code, for each refusal."""

    def __init__(
        self, clock: Clock, mint: Callable[[], str], *, access_seconds: int, consent_days: int
    ) -> None:
        self.grants: list[Grant] = []
        self.access_seconds = access_seconds
        self._clock = clock
        self._mint = mint
        self._consent = timedelta(days=consent_days)
        self._codes: dict[str, _Code] = {}
        self._used_codes: dict[str, Grant] = {}
        self._by_access: dict[str, Grant] = {}
        self._by_refresh: dict[str, Grant] = {}

    def consent(self, asked: Asked, person: str, scenario: Scenario) -> str:
        """Note that a person agreed, and return the code that says so, good for a minute."""
        code = self._mint()
        ends = self._clock() + CODE_LIFETIME
        self._codes[_hash(code)] = _Code(asked, person, scenario, ends)
        return code

    def exchange(self, code: str, client_id: str, redirect_uri: str, verifier: str) -> Tokens:
        """Return tokens for a code; one used twice revokes what it gave (RFC 6749 §4.1.2)."""
        used = self._used_codes.get(_hash(code))
        if used is not None:
            self.end(used, ConsentState.REVOKED)
            raise _refused("This code was used before: what it gave is revoked.")
        found = self._codes.pop(_hash(code), None)
        if found is None or found.ends <= self._clock():
            raise _refused("This code is unknown or too old.")
        if (found.asked.client_id, found.asked.redirect_uri) != (client_id, redirect_uri):
            raise _refused("This code was given to another client or redirect.")
        if found.asked.challenge and not verifies(verifier, found.asked.challenge):
            raise _refused("The code verifier does not fit the challenge.")
        grant = self.grant(found.asked, found.person, found.scenario)
        self._used_codes[_hash(code)] = grant
        return self._issue(grant)

    def rotate(self, refresh: str, client_id: str) -> Tokens:
        """Return new tokens for a refresh token. A spent one ends the consent (RFC 9700 §4.14.2).

        With grace the immediate parent works once more: an answer may have got lost.
        """
        name = _hash(refresh)
        grant = self._by_refresh.get(name)
        if grant is None or grant.asked.client_id != client_id or self.state(grant) in DEAD:
            raise _refused("This refresh token is not good.")
        fresh = name == grant.refresh
        if not fresh and not (name == grant.parent and grant.scenario in GRACEFUL):
            self.end(grant, ConsentState.REVOKED)
            raise _refused("This refresh token was used before: the consent is ended.")
        grant.parent = name if fresh else ""
        grant.refreshes += 1
        return self._issue(grant)

    def personal_token(self, person: str, scenario: Scenario) -> str:
        """Return an access token that a person made for themselves; it does not expire."""
        grant = self.grant(PERSONAL, person, scenario)
        grant.consent_ends = self._never
        return self.lasting_token(grant)

    def lasting_token(self, grant: Grant) -> str:
        """Return an access token that is good for as long as its grant is."""
        token = self._mint()
        grant.access[_hash(token)] = self._never
        self._by_access[_hash(token)] = grant
        return token

    def claim(self, token: str) -> str:
        """Return another access token in place of one that a person made: that is good no more."""
        grant = self.admit(token)
        if grant is None or self.state(grant) in DEAD:
            raise _refused("This token was claimed before, or is none.")
        self.expire_access(grant)
        return self.lasting_token(grant)

    @property
    def _never(self) -> datetime:
        return datetime.max.replace(tzinfo=self._clock().tzinfo)

    def admit(self, access: str) -> Grant | None:
        """Return the grant of an access token; None if the token is unknown or too old."""
        name = _hash(access)
        grant = self._by_access.get(name)
        return grant if grant is not None and grant.access[name] > self._clock() else None

    def state(self, grant: Grant) -> ConsentState:
        """Return how the consent stands at this instant."""
        if grant.state is not ConsentState.ACTIVE:
            return grant.state
        left = grant.consent_ends - self._clock()
        if left <= timedelta():
            return ConsentState.EXPIRED
        return ConsentState.EXPIRING if left <= EXPIRING_WITHIN else ConsentState.ACTIVE

    def end(self, grant: Grant, state: ConsentState) -> None:
        """End a consent, with all its tokens."""
        grant.state = state
        self.expire_access(grant)

    def expire_access(self, grant: Grant) -> None:
        """Forget the access tokens of a grant: the client has to refresh."""
        for name in grant.access:
            del self._by_access[name]
        grant.access.clear()

    def keep_only(self, tokens: Tokens) -> None:
        """Let these be the only good tokens of this person for this client, as some banks do."""
        newest = tokens.grant
        for name in [one for one in newest.access if one != _hash(tokens.access)]:
            del newest.access[name], self._by_access[name]
        for grant in self.grants:
            same = (grant.person, grant.asked.client_id) == (newest.person, newest.asked.client_id)
            if same and grant is not newest:
                self.end(grant, ConsentState.REVOKED)

    def revoke(self, token: str, client_id: str) -> None:
        """Revoke a token and its whole grant; unknown ones are no error (RFC 7009 §2.2)."""
        name = _hash(token)
        grant = self._by_refresh.get(name) or self._by_access.get(name)
        if grant is not None and grant.asked.client_id == client_id:
            self.end(grant, ConsentState.REVOKED)

    def introspect(self, token: str) -> dict[str, object]:
        """Return what is known of a token (RFC 7662 §2.2), nothing of one that is not good."""
        name = _hash(token)
        grant = self._by_refresh.get(name) or self._by_access.get(name)
        if grant is None or self.state(grant) in DEAD:
            return {"active": False}
        ends = grant.access.get(name)
        good = name == grant.refresh if ends is None else ends > self._clock()
        if not good:
            return {"active": False}
        return {
            "active": True,
            "scope": grant.asked.scope,
            "client_id": grant.asked.client_id,
            "sub": grant.person,
            "token_type": "refresh_token" if ends is None else "Bearer",
            "exp": int((ends or grant.consent_ends).timestamp()),
            "scenario": grant.scenario.value,
        }

    def grant(self, asked: Asked, person: str, scenario: Scenario) -> Grant:
        """Open a new consent of a person."""
        grant = Grant(len(self.grants) + 1, asked, person, scenario, self._clock())
        self.prolong(grant, scenario)
        self.grants.append(grant)
        return grant

    def prolong(self, grant: Grant, scenario: Scenario) -> None:
        """Let a person consent again to what they granted: it begins anew."""
        grant.state = ConsentState.ACTIVE
        grant.scenario = scenario
        grant.updates = 0
        lasts = SOON if scenario is Scenario.CONSENT_EXPIRING else self._consent
        grant.consent_ends = self._clock() + lasts

    def _issue(self, grant: Grant) -> Tokens:
        access, refresh = self._mint(), self._mint()
        grant.refresh = _hash(refresh)
        self._by_refresh[grant.refresh] = grant
        now = self._clock()
        for name in [name for name, ends in grant.access.items() if ends <= now]:
            del grant.access[name], self._by_access[name]
        grant.access[_hash(access)] = now + timedelta(seconds=self.access_seconds)
        self._by_access[_hash(access)] = grant
        return Tokens(grant, access, refresh, self.access_seconds)


def verifies(verifier: str, challenge: str) -> bool:
    """Tell whether a PKCE verifier fits an S256 challenge (RFC 7636 §4.6)."""
    digest = hashlib.sha256(verifier.encode("utf-8", "surrogatepass")).digest()
    made = urlsafe_b64encode(digest).rstrip(b"=")
    return hmac.compare_digest(made, challenge.encode("utf-8", "surrogatepass"))


def _refused(message: str) -> OAuthError:
    return OAuthError(message, code="invalid_grant")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
