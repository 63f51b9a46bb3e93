"""The authorization server gives tokens to whom the person allowed it, and takes them back."""

from itertools import count

import pytest

from penstock.domain.consent import ConsentState
from penstock.domain.errors import OAuthError
from penstock.sandbox.authority import Asked, Authority, Tokens, verifies
from penstock.sandbox.scenario import Scenario
from tests.sandbox.visitor import CHALLENGE, REDIRECT, VERIFIER, Watch

ASKED = Asked("penstock", REDIRECT, CHALLENGE, "accounts")


class Counter:
    """Mints tokens that a test can predict."""

    def __init__(self) -> None:
        self.numbers = count(1)

    def __call__(self) -> str:
        return f"token-{next(self.numbers)}"


def authority(watch: Watch | None = None) -> Authority:
    """Return a server with tokens of five minutes and consents of ninety days."""
    return Authority(watch or Watch(), Counter(), access_seconds=300, consent_days=90)


def linked(server: Authority, scenario: Scenario = Scenario.CALM) -> Tokens:
    """Return the first tokens of a consent."""
    code = server.consent(ASKED, "ada", scenario)
    return server.exchange(code, "penstock", REDIRECT, VERIFIER)


def test_pkce_example_of_the_rfc() -> None:
    """The verifier and challenge of RFC 7636, appendix B, fit; a plain challenge does not (C2)."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert verifies(verifier, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    assert not verifies(verifier, verifier)
    assert not verifies("", CHALLENGE)
    assert not verifies("\ud800", CHALLENGE)


def test_a_code_is_good_once_and_for_a_minute() -> None:
    """C3: a code is too old after 60 s, and a second use revokes what the first one gave."""
    watch = Watch()
    server = authority(watch)
    late = server.consent(ASKED, "ada", Scenario.CALM)
    watch.advance(seconds=60)
    with pytest.raises(OAuthError) as refused:
        server.exchange(late, "penstock", REDIRECT, VERIFIER)
    assert refused.value.code == "invalid_grant"
    code = server.consent(ASKED, "ada", Scenario.CALM)
    tokens = server.exchange(code, "penstock", REDIRECT, VERIFIER)
    with pytest.raises(OAuthError):
        server.exchange(code, "penstock", REDIRECT, VERIFIER)
    assert server.admit(tokens.access) is None
    with pytest.raises(OAuthError):
        server.rotate(tokens.refresh, "penstock")


@pytest.mark.parametrize(
    ("client_id", "redirect_uri", "verifier"),
    [
        ("penstock", REDIRECT, "wrong" + VERIFIER),
        ("penstock", REDIRECT, ""),
        ("penstock", "http://127.0.0.1:8765/other", VERIFIER),
        ("another", REDIRECT, VERIFIER),
    ],
    ids=["wrong verifier", "no verifier", "other redirect", "other client"],
)
def test_a_code_is_bound(client_id: str, redirect_uri: str, verifier: str) -> None:
    """C2, C3: a code works with its client, redirect and verifier only, and is tried but once."""
    server = authority()
    code = server.consent(ASKED, "ada", Scenario.CALM)
    with pytest.raises(OAuthError):
        server.exchange(code, client_id, redirect_uri, verifier)
    with pytest.raises(OAuthError):
        server.exchange(code, "penstock", REDIRECT, VERIFIER)


def test_strict_rotation_ends_the_consent_on_reuse() -> None:
    """R2: a spent refresh token, used again, kills the family with its access tokens."""
    server = authority()
    first = linked(server, Scenario.STRICT_ROTATION)
    second = server.rotate(first.refresh, "penstock")
    with pytest.raises(OAuthError):
        server.rotate(first.refresh, "penstock")
    assert second.grant.state is ConsentState.REVOKED
    assert server.admit(second.access) is None
    with pytest.raises(OAuthError):
        server.rotate(second.refresh, "penstock")


def test_grace_lets_the_immediate_parent_work_once_more() -> None:
    """R3: an answer may get lost: the parent works once, and then never again."""
    server = authority()
    first = linked(server, Scenario.ROTATION_WITH_GRACE)
    lost = server.rotate(first.refresh, "penstock")
    again = server.rotate(first.refresh, "penstock")
    assert server.admit(again.access) is again.grant
    with pytest.raises(OAuthError):
        server.rotate(first.refresh, "penstock")
    with pytest.raises(OAuthError):
        server.rotate(lost.refresh, "penstock")
    assert again.grant.state is ConsentState.REVOKED


def test_grace_refuses_the_grandparent() -> None:
    """R3: only the immediate parent is forgiven."""
    server = authority()
    first = linked(server, Scenario.ROTATION_WITH_GRACE)
    second = server.rotate(first.refresh, "penstock")
    server.rotate(second.refresh, "penstock")
    with pytest.raises(OAuthError):
        server.rotate(first.refresh, "penstock")


def test_refresh_tokens_belong_to_their_client() -> None:
    """R1: another client cannot use a refresh token, and does no harm by trying."""
    server = authority()
    tokens = linked(server)
    with pytest.raises(OAuthError):
        server.rotate(tokens.refresh, "another")
    server.revoke(tokens.refresh, "another")
    assert server.rotate(tokens.refresh, "penstock").grant is tokens.grant


def test_access_tokens_are_short_lived() -> None:
    """An access token lives five minutes; a refresh gives a new one, the grant stays."""
    watch = Watch()
    server = authority(watch)
    tokens = linked(server)
    assert server.admit(tokens.access) is tokens.grant
    watch.advance(seconds=300)
    assert server.admit(tokens.access) is None
    assert server.admit(server.rotate(tokens.refresh, "penstock").access) is tokens.grant


def test_consent_runs_out() -> None:
    """A consent is active, expiring in its last week, then expired, and no refresh revives it."""
    watch = Watch()
    server = authority(watch)
    tokens = linked(server)
    assert server.state(tokens.grant) is ConsentState.ACTIVE
    watch.advance(days=84)
    assert server.state(tokens.grant) is ConsentState.EXPIRING
    watch.advance(days=6)
    assert server.state(tokens.grant) is ConsentState.EXPIRED
    with pytest.raises(OAuthError):
        server.rotate(tokens.refresh, "penstock")


def test_introspection_tells_nothing_of_a_dead_token() -> None:
    """R7: good tokens are described, all others are merely inactive."""
    server = authority()
    tokens = linked(server)
    assert server.introspect(tokens.access)["token_type"] == "Bearer"
    assert server.introspect(tokens.refresh)["active"] is True
    newer = server.rotate(tokens.refresh, "penstock")
    assert server.introspect(tokens.refresh) == {"active": False}
    server.revoke(newer.refresh, "penstock")
    for token in (newer.access, newer.refresh, "never issued", ""):
        assert server.introspect(token) == {"active": False}


def test_a_personal_token_does_not_expire() -> None:
    """A token that the person made works until it is revoked."""
    watch = Watch()
    server = authority(watch)
    token = server.personal_token("ada", Scenario.CALM)
    watch.advance(days=4_000)
    grant = server.admit(token)
    assert grant is not None
    assert server.state(grant) is ConsentState.ACTIVE


def test_a_personal_token_is_claimed_once() -> None:
    """What comes of it is good in its place; a second claim is refused, and ends nothing."""
    server = authority(Watch())
    token = server.personal_token("ada", Scenario.CALM)
    access = server.claim(token)
    assert server.admit(token) is None
    assert server.admit(access) is server.grants[0]
    for spent in (token, "unknown"):
        with pytest.raises(OAuthError):
            server.claim(spent)
    assert server.admit(access) is not None
