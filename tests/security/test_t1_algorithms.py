"""T1: one algorithm, and a key by its name: no header talks the server into anything else."""

import json
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from tests.api.serving import Api
from tests.identity.test_tokens import encoded, forged
from tests.security.forging import forger

HEADERS: dict[str, dict[str, Any]] = {
    "none": {"alg": "none"},
    "None": {"alg": "None"},
    "nOnE": {"alg": "nOnE"},
    "no algorithm": {"alg": None},
    "HS384": {"alg": "HS384"},
    "HS512": {"alg": "HS512"},
    "RS256": {"alg": "RS256"},
    "a list of algorithms": {"alg": ["HS256"]},
    "a key's address": {"jku": "https://evil.example/keys"},
    "a certificate's address": {"x5u": "https://evil.example/cert"},
    "certificates": {"x5c": ["MII"]},
    "a key": {"jwk": {"kty": "oct", "k": encoded(bytes(32))}},
    "a demand": {"crit": ["exp"]},
    "an empty demand": {"crit": []},
    "a demand that nobody knows": {"crit": ["x"], "x": 1},
    "a bare body": {"b64": False, "crit": ["b64"]},
    "compressed": {"zip": "DEF"},
    "a path": {"kid": "../../../dev/null"},
    "a query": {"kid": "' OR '1'='1"},
    "a query of another kind": {"kid": "x' UNION SELECT 'a"},
    "a name that is a list": {"kid": ["k1"]},
    "a name that is an object": {"kid": {"k1": 1}},
    "a name that is a number": {"kid": 1},
    "an unknown name": {"kid": "never-heard-of"},
    "an empty name": {"kid": ""},
    "a zero byte": {"kid": "\0"},
    "a lone surrogate": {"kid": "\ud800"},
    "a name without end": {"kid": "k" * 3000},
    "another kind of token": {"typ": "JWT"},
    "a refresh token's kind": {"typ": "rt+jwt"},
    "a proof's kind": {"typ": "dpop+jwt"},
}


def test_the_forger_can_forge(sqlite_api: Api) -> None:
    """T1: unaltered, its token is good; so it is the alteration that is refused below."""
    one = forger(sqlite_api)
    assert one.status(one.header, one.claims) == 200


@pytest.mark.parametrize("name", sorted(HEADERS))
def test_other_headers_are_refused(sqlite_api: Api, name: str) -> None:
    """T1: whatever a header says, rightly signed as it is, the answer is 401."""
    one = forger(sqlite_api)
    assert one.status(one.header | HEADERS[name], one.claims) == 401


def test_no_signature_is_none(sqlite_api: Api) -> None:
    """T1: emptied, cut, left out, doubled or another's: a signature must be the right one."""
    one = forger(sqlite_api)
    token = forged(one.header, one.claims, key=one.key)
    content, _, signature = token.rpartition(".")
    altered = [
        f"{content}.",
        content,
        f"{content}.{signature[:-4]}",
        f"{content}.{signature}.{signature}",
        f"{content}.{encoded(bytes(32))}",
        f"{token}=",
        f"{forged(one.header | {'alg': 'none'}, one.claims).rpartition('.')[0]}.",
    ]
    assert {one.sent(each) for each in altered} == {401}
    assert one.status(one.header, one.claims, key=b"secret") == 401
    assert one.status(one.header, one.claims, key=b"") == 401


def test_a_public_key_is_no_shared_one(sqlite_api: Api) -> None:
    """T1: signed by another kind of key, or with a public key for a secret, it is refused."""
    one = forger(sqlite_api)
    body = json.dumps(one.claims).encode()
    ec, rsa = ECKey.generate_key("P-256"), RSAKey.generate_key(2048)
    assert (
        one.sent(jws.serialize_compact({**one.header, "alg": "ES256"}, body, ec, ["ES256"])) == 401
    )
    assert (
        one.sent(jws.serialize_compact({**one.header, "alg": "RS256"}, body, rsa, ["RS256"])) == 401
    )
    for public in (rsa.as_pem(private=False), json.dumps(ec.as_dict(private=False)).encode()):
        assert one.status(one.header, one.claims, key=public) == 401


BROKEN = [
    b"[" * 6000,
    b'{"alg": "HS256", "typ": "at+jwt", "kid": ' + b"1" * 5000 + b"}",
    b'{"alg": "HS256", "alg": "none", "typ": "at+jwt", "kid": "k"}',
    b'["HS256"]',
    b'"HS256"',
    b"\xff\xfe",
    b"NaN",
    b"",
]


@pytest.mark.parametrize("header", BROKEN, ids=range(len(BROKEN)))
def test_broken_headers_are_refused(sqlite_api: Api, header: bytes) -> None:
    """T1, X4: nesting, endless numbers, bytes that are no text: 401, never an error of ours."""
    one = forger(sqlite_api)
    assert one.status(header, one.claims) == 401


def test_a_huge_token_is_refused(sqlite_api: Api) -> None:
    """T1, X4: a token of a hundred thousand letters is refused before it is looked at."""
    one = forger(sqlite_api)
    assert one.sent(forged(one.header, one.claims, key=one.key) + "A" * 100_000) == 401
