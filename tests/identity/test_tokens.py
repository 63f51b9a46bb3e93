"""Access tokens, and every attack on them that we know."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OctKey

from penstock.identity.scopes import ALL, Scope
from penstock.identity.tokens import (
    LIFETIME,
    Grant,
    Signer,
    TokenBad,
    TokenFormat,
    key_name,
)

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
RAW = bytes(range(32))
KEY = OctKey.import_key(RAW)
SIGNER = Signer("k1", KEY)
FORMAT = TokenFormat("penstock", new_id=lambda: "one-of-a-kind")
GRANT = Grant(7, 9, frozenset({Scope.READ, Scope.SYNC}))

HEADER = {"alg": "HS256", "typ": "at+jwt", "kid": "k1"}
CLAIMS = {
    "iss": "penstock",
    "aud": "penstock:api",
    "sub": "usr_0000000000007",
    "sid": "ses_0000000000009",
    "client_id": "penstock",
    "scope": "read sync",
    "jti": "one-of-a-kind",
    "iat": int(NOW.timestamp()),
    "nbf": int(NOW.timestamp()),
    "exp": int(NOW.timestamp()) + 600,
}


def encoded(content: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def forged(header: object, claims: object, *, key: bytes = RAW) -> str:
    """Sign whatever is given, with the right key unless another is named."""
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    body = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    content = f"{encoded(head)}.{encoded(body)}"
    return f"{content}.{encoded(hmac.digest(key, content.encode(), sha256))}"


def read(token: str, now: datetime = NOW) -> Grant:
    """Do what a server does with a token."""
    if key_name(token) != "k1":
        raise TokenBad
    return FORMAT.read(token, KEY, now=now)


def test_a_token_says_what_was_put_in() -> None:
    """Whose session it is and what it allows comes back; with nothing else in it."""
    token = FORMAT.issue(GRANT, SIGNER, now=NOW)
    assert read(token) == GRANT
    header, claims = (
        json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]
    )
    assert header == HEADER
    assert claims == CLAIMS


def test_our_forgery_is_good() -> None:
    """The forger of these tests makes tokens that pass, so that what it alters is what fails."""
    assert read(forged(HEADER, CLAIMS)) == GRANT


@given(
    user=st.integers(1, 2**63 - 1),
    session=st.integers(1, 2**63 - 1),
    scopes=st.frozensets(st.sampled_from(Scope)),
)
def test_every_grant_survives(user: int, session: int, scopes: frozenset[Scope]) -> None:
    """No number and no set of scopes is lost on the way, the empty one neither."""
    grant = Grant(user, session, scopes)
    assert read(FORMAT.issue(grant, SIGNER, now=NOW)) == grant


def test_a_token_lasts_ten_minutes() -> None:
    """T3: not a second longer."""
    token = FORMAT.issue(GRANT, SIGNER, now=NOW)
    assert timedelta(minutes=10) >= LIFETIME
    read(token, NOW + LIFETIME - timedelta(seconds=1))
    with pytest.raises(TokenBad, match="expired"):
        read(token, NOW + LIFETIME)


@pytest.mark.parametrize(
    "header",
    [
        {**HEADER, "alg": "none"},
        {**HEADER, "alg": "None"},
        {**HEADER, "alg": "HS512"},
        {**HEADER, "alg": "RS256"},
        {**HEADER, "alg": ["HS256"]},
        {**HEADER, "typ": "JWT"},
        {**HEADER, "typ": "refresh+jwt"},
        {**HEADER, "kid": "k2"},
        {**HEADER, "kid": "../../dev/null"},
        {**HEADER, "kid": "' OR 1=1"},
        {**HEADER, "kid": ["k1"]},
        {**HEADER, "kid": {"k1": 1}},
        {**HEADER, "kid": 1},
        {**HEADER, "kid": None},
        {**HEADER, "jku": "https://evil.example/keys"},
        {**HEADER, "x5u": "https://evil.example/cert"},
        {**HEADER, "jwk": {"kty": "oct", "k": encoded(RAW)}},
        {**HEADER, "x5c": ["MII"]},
        {**HEADER, "crit": ["exp"]},
        {**HEADER, "b64": False},
        {"alg": "HS256", "typ": "at+jwt"},
        {"alg": "HS256", "kid": "k1"},
        {"typ": "at+jwt", "kid": "k1"},
        ["HS256"],
        "HS256",
        b"[" * 6000,
        b'{"alg": "HS256", "typ": "at+jwt", "kid": ' + b"1" * 5000 + b"}",
        b"\xff\xfe",
        b"",
    ],
)
def test_other_headers_are_refused(header: object) -> None:
    """T1: one algorithm, one type, a key by its name; no header chooses anything else."""
    with pytest.raises(TokenBad):
        read(forged(header, CLAIMS))


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "penstock2"},
        {"iss": "pen"},
        {"iss": None},
        {"aud": "penstock"},
        {"aud": ["penstock:api"]},
        {"sub": "ses_0000000000007"},
        {"sub": "7"},
        {"sid": "usr_0000000000009"},
        {"sid": ""},
        {"scope": "read root"},
        {"scope": "read\nwrite"},
        {"scope": ["read"]},
        {"jti": ""},
        {"jti": 1},
        {"exp": "1795000000"},
        {"exp": int(NOW.timestamp()) + 601},
        {"exp": int(NOW.timestamp())},
        {"exp": -1},
        {"exp": 10**30},
        {"exp": 1e300},
        {"exp": True},
        {"exp": None},
        {"nbf": int(NOW.timestamp()) + 11},
        {"nbf": "now"},
        {"iat": int(NOW.timestamp()) + 11, "exp": int(NOW.timestamp()) + 600},
        {"iat": 0},
        {"act": {"sub": "usr_0000000000001"}},
    ],
)
def test_other_claims_are_refused(change: dict[str, Any]) -> None:
    """T2: every claim is demanded, and each in its form."""
    with pytest.raises(TokenBad):
        read(forged(HEADER, CLAIMS | change))


@pytest.mark.parametrize("name", sorted(CLAIMS))
def test_no_claim_may_be_missing(name: str) -> None:
    """T2: leaving a claim out does not leave its check out."""
    with pytest.raises(TokenBad):
        read(forged(HEADER, {key: value for key, value in CLAIMS.items() if key != name}))


UNSIGNED = forged({**HEADER, "alg": "none"}, CLAIMS).rpartition(".")[0]

NO_TOKENS: dict[str, Callable[[str], str]] = {
    "cut": lambda token: token[:-1],
    "signature emptied": lambda token: token.rpartition(".")[0] + ".",
    "signature left out": lambda token: token.rpartition(".")[0],
    "twice": lambda token: f"{token}.{token}",
    "longer claims": lambda token: token.replace(".", ".A", 1),
    "four parts": lambda token: "." + token,
    "padded": lambda token: token + "=",
    "blank before": lambda token: " " + token,
    "empty": lambda _token: "",
    "dots": lambda _token: "..",
    "letters": lambda _token: "a.b.c",
    "accents": lambda _token: "\u00e9.\u00e9.\u00e9",
    "half a pair": lambda _token: "\ud800",
    "five megabytes": lambda token: token + "A" * 5_000_000,
    "claims a list": lambda _token: forged(HEADER, b"[1]"),
    "claims no JSON": lambda _token: forged(HEADER, b'{"iss": NaN}'),
    "another key": lambda _token: forged(HEADER, CLAIMS, key=bytes(range(32, 64))),
    "unsigned": lambda _token: UNSIGNED + ".",
}


@pytest.mark.parametrize("name", sorted(NO_TOKENS))
def test_what_is_no_token_is_refused(name: str) -> None:
    """T1: cut, altered, unsigned, huge: none passes, and none is an error of ours."""
    with pytest.raises(TokenBad):
        read(NO_TOKENS[name](FORMAT.issue(GRANT, SIGNER, now=NOW)))


@given(st.integers(min_value=0), st.integers(1, 255))
def test_no_bit_may_change(place: int, flip: int) -> None:
    """T1: any other byte anywhere, and the token is no good."""
    token = FORMAT.issue(Grant(1, 1, ALL), SIGNER, now=NOW).encode()
    at = place % len(token)
    altered = token[:at] + bytes([token[at] ^ flip]) + token[at + 1 :]
    with pytest.raises(TokenBad):
        read(altered.decode("latin-1"))
