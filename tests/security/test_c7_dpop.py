"""C7: a token that is bound to a key is worth nothing without it (RFC 9449)."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response

from penstock.domain.secret import Secret
from penstock.identity.dpop import Asked, ProofBad, Proofs
from penstock.identity.identity import Issued
from penstock.identity.purpose import Purpose
from tests.api.serving import KEY, NOWHERE, Api, serving
from tests.databases import Database
from tests.identity.house import House, play
from tests.security.proving import BASE, Prover, encoded, symmetric

ME = "/v1/me"


def bound(api: Api, prover: Prover) -> Issued:
    """Begin a session of Ada's that is bound to this key."""
    user_id = api.person("ada")
    purpose = Purpose(key_thumbprint=prover.thumbprint)
    return api.play(lambda: api.identity.begin_session(user_id, NOWHERE, purpose))


def me(api: Api, **headers: str) -> Response:
    """Ask who one is, with exactly these headers (`_` stands for `-`)."""
    return api.client.get(
        ME, headers={name.replace("_", "-"): one for name, one in headers.items()}
    )


def refreshed(api: Api, token: str, proof: str | None) -> Response:
    """Ask for new tokens."""
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return api.client.post("/token", data=form, headers={"DPoP": proof} if proof else {})


def test_a_session_is_bound_at_sign_in(api: Api) -> None:
    """C7: a proof at /token binds access and refresh token; with proofs of that key they work."""
    api.play(lambda: api.identity.add_user("ada", Secret("correct horse battery")))
    prover = Prover(api)
    form = {"grant_type": "password", "username": "ada", "password": "correct horse battery"}
    answer = api.client.post("/token", data=form, headers={"DPoP": prover.proof("POST", "/token")})
    assert answer.status_code == 200, answer.text
    tokens = answer.json()
    assert tokens["token_type"] == "DPoP"
    headers = prover.headers("GET", ME, tokens["access_token"])
    assert api.client.get(ME, headers=headers).status_code == 200
    again = refreshed(api, tokens["refresh_token"], prover.proof("POST", "/token"))
    assert again.json()["token_type"] == "DPoP"


def test_a_bound_token_is_no_bearer_token(api: Api) -> None:
    """C7: stolen and sent as Bearer, with or without somebody else's proof, it opens nothing."""
    prover, thief = Prover(api), Prover(api)
    token = bound(api, prover).access.reveal()
    assert me(api, Authorization=f"Bearer {token}").status_code == 401
    stolen = thief.proof("GET", ME, token)
    assert me(api, Authorization=f"Bearer {token}", DPoP=stolen).status_code == 401
    answer = me(api, Authorization=f"DPoP {token}")
    assert answer.status_code == 401
    assert 'error="invalid_dpop_proof"' in answer.headers["www-authenticate"]


def test_another_key_opens_nothing(api: Api) -> None:
    """C7: a proof that is right in all but its key is refused."""
    token = bound(api, Prover(api)).access.reveal()
    answer = api.client.get(ME, headers=Prover(api).headers("GET", ME, token))
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_an_unbound_token_is_no_dpop_token(api: Api) -> None:
    """C7: nobody makes a stolen bearer token look bound by signing for it themselves."""
    token = api.begin().access.reveal()
    assert api.client.get(ME, headers=Prover(api).headers("GET", ME, token)).status_code == 401


def test_a_proof_is_good_once(api: Api) -> None:
    """C7: the same proof again is refused, at a route and at /token."""
    prover = Prover(api)
    issued = bound(api, prover)
    headers = prover.headers("GET", ME, issued.access.reveal())
    assert api.client.get(ME, headers=headers).status_code == 200
    assert api.client.get(ME, headers=headers).status_code == 401
    proof = prover.proof("POST", "/token")
    tokens = refreshed(api, issued.refresh.reveal(), proof).json()
    assert refreshed(api, tokens["refresh_token"], proof).json()["error"] == "invalid_dpop_proof"


def test_workers_share_what_they_saw(database: Database) -> None:
    """C7: of fifty workers that are sent the same proof at once, one takes it."""

    async def story(house: House) -> None:
        api: Any = house  # a prover needs its clock only
        prover = Prover(api)
        workers = [Proofs(house.database, house.clock, bytes(32)) for _ in range(50)]
        proof = prover.proof("GET", ME)
        asked = Asked("GET", (BASE + ME,))
        told = await asyncio.gather(
            *(worker.check(proof, asked) for worker in workers), return_exceptions=True
        )
        assert told.count(prover.thumbprint) == 1
        assert sum(isinstance(one, ProofBad) for one in told) == 49

    play(database.url, story)


ALTERED: dict[str, dict[str, Any]] = {
    "another method": {"htm": "POST"},
    "a method in small letters": {"htm": "get"},
    "another path": {"htu": f"{BASE}/v1/accounts"},
    "a path above": {"htu": f"{BASE}/v1/"},
    "a longer path": {"htu": f"{BASE}{ME}/"},
    "dots": {"htu": f"{BASE}/v1/x/../me"},
    "another host": {"htu": f"http://evil.example{ME}"},
    "another scheme": {"htu": f"https://testserver{ME}"},
    "another port": {"htu": f"http://testserver:8080{ME}"},
    "a name before the host": {"htu": f"http://testserver@evil.example{ME}"},
    "a query": {"htu": f"{BASE}{ME}?a=b"},
    "a fragment": {"htu": f"{BASE}{ME}#a"},
    "no address": {"htu": ""},
    "a broken address": {"htu": "http://[::1"},
    "a broken port": {"htu": "http://testserver:x/v1/me"},
    "an address that is a list": {"htu": [f"{BASE}{ME}"]},
    "another token": {"ath": encoded(bytes(32))},
    "no token": {"ath": None},
    "an empty token": {"ath": ""},
    "no id": {"jti": None},
    "an empty id": {"jti": ""},
    "an id without end": {"jti": "x" * 513},
    "no time": {"iat": None},
    "a time in words": {"iat": "now"},
    "a time that is true": {"iat": True},
    "a time out of this world": {"iat": 10**30},
    "a nonce of its own": {"nonce": "made up"},
    "a nonce that is none": {"nonce": "\ud800"},
}


@pytest.mark.parametrize("name", sorted(ALTERED))
def test_altered_proofs_are_refused(sqlite_api: Api, name: str) -> None:
    """C7: htm, htu, ath, iat, jti and nonce are each checked."""
    prover = Prover(sqlite_api)
    token = bound(sqlite_api, prover).access.reveal()
    headers = prover.headers("GET", ME, token, **ALTERED[name])
    answer = sqlite_api.client.get(ME, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("DPoP ")


@pytest.mark.parametrize("seconds", [-3600, -61, 61, 3600])
def test_old_and_early_proofs_are_refused(sqlite_api: Api, seconds: int) -> None:
    """C7: a proof kept for later is refused, and one made for later too."""
    prover = Prover(sqlite_api)
    token = bound(sqlite_api, prover).access.reveal()
    made = int(sqlite_api.clock().timestamp()) + seconds
    answer = sqlite_api.client.get(ME, headers=prover.headers("GET", ME, token, iat=made))
    assert answer.status_code == 401
    assert 'error="use_dpop_nonce"' in answer.headers["www-authenticate"]


def test_a_wrong_clock_is_mended_by_a_nonce(api: Api) -> None:
    """C7, RFC 9449 §8: whose clock is wrong is told a nonce, good for five minutes and no longer.

    It says when the proof was made; the id is checked as ever.
    """
    prover = Prover(api)
    token = bound(api, prover).access.reveal()
    answer = api.client.get(ME, headers=prover.headers("GET", ME, token, iat=1))
    nonce = answer.headers["dpop-nonce"]
    headers = prover.headers("GET", ME, token, iat=1, nonce=nonce)
    assert api.client.get(ME, headers=headers).status_code == 200
    assert api.client.get(ME, headers=headers).status_code == 401
    api.clock.advance(minutes=5)
    headers = prover.headers("GET", ME, token, iat=1, nonce=nonce)
    answer = api.client.get(ME, headers=headers)
    assert 'error="use_dpop_nonce"' in answer.headers["www-authenticate"]
    assert answer.headers["dpop-nonce"] != nonce


@pytest.fixture
def strict(sqlite_database: Database, tmp_path: Path) -> Iterator[Api]:
    """Serve where every proof needs a nonce."""
    with serving(sqlite_database.url, tmp_path, dpop_nonces=True) as api:
        yield api


def test_nonces_may_be_demanded(strict: Api) -> None:
    """C7: with PENSTOCK_DPOP_NONCES no proof is taken without one, at /token neither."""
    prover = Prover(strict)
    issued = bound(strict, prover)
    answer = refreshed(strict, issued.refresh.reveal(), prover.proof("POST", "/token"))
    assert (answer.status_code, answer.json()["error"]) == (400, "use_dpop_nonce")
    nonce = answer.headers["dpop-nonce"]
    proof = prover.proof("POST", "/token", nonce=nonce)
    token = refreshed(strict, issued.refresh.reveal(), proof).json()["access_token"]
    assert strict.client.get(ME, headers=prover.headers("GET", ME, token)).status_code == 401
    headers = prover.headers("GET", ME, token, nonce=nonce)
    assert strict.client.get(ME, headers=headers).status_code == 200


HEADERS: dict[str, Callable[[Prover], dict[str, Any]]] = {
    "a plain JWT": lambda _: {"typ": "JWT"},
    "an access token": lambda _: {"typ": "at+jwt"},
    "none": lambda _: {"alg": "none"},
    "HS256": lambda _: {"alg": "HS256"},
    "RS256": lambda _: {"alg": "RS256"},
    "ES384": lambda _: {"alg": "ES384"},
    "Ed25519 for another key": lambda _: {"alg": "Ed25519"},
    "no key": lambda _: {"jwk": None},
    "a private key": lambda prover: {
        "jwk": {**prover.jwk, "d": encoded(prover.key.private_numbers().private_value.to_bytes(32))}
    },
    "a shared key": lambda _: {"jwk": {"kty": "oct", "k": encoded(bytes(32))}},
    "another key": lambda prover: {"jwk": Prover(prover.api).jwk},
    "no point of the curve": lambda prover: {"jwk": {**prover.jwk, "x": encoded(bytes(32))}},
    "another curve": lambda prover: {"jwk": {**prover.jwk, "crv": "P-384"}},
    "a key as text": lambda _: {"jwk": "EC"},
    "a key's address": lambda _: {"jku": "https://evil.example/keys"},
    "a certificate": lambda _: {"x5c": ["MII"]},
    "a demand": lambda _: {"crit": ["exp"]},
}


@pytest.mark.parametrize("name", sorted(HEADERS))
def test_other_headers_are_refused(sqlite_api: Api, name: str) -> None:
    """C7, T1: one type, two algorithms, a public key and nothing else in the header."""
    prover = Prover(sqlite_api)
    token = bound(sqlite_api, prover).access.reveal()
    header = prover.header() | HEADERS[name](prover)
    proof = prover.signed(header, prover.claims("GET", ME, token))
    answer = me(sqlite_api, Authorization=f"DPoP {token}", DPoP=proof)
    assert answer.status_code == 401
    assert 'error="invalid_dpop_proof"' in answer.headers["www-authenticate"]


def test_tampered_proofs_are_refused(sqlite_api: Api) -> None:
    """C7: cut, emptied, signed otherwise, sent twice, huge: none passes, and none is an error."""
    prover = Prover(sqlite_api)
    token = bound(sqlite_api, prover).access.reveal()
    proof = prover.proof("GET", ME, token)
    content = proof.rpartition(".")[0]
    wrong = [
        proof[:-2],
        f"{content}.",
        content,
        symmetric(content, bytes(32)),
        f"{encoded(b'{}')}.{encoded(b'{}')}.",
        "..",
        "x",
        "A" * 200_000,
        f"{encoded(b'[' * 2000)}.e30.e30",
        proof + "=",
    ]
    for one in wrong:
        assert me(sqlite_api, Authorization=f"DPoP {token}", DPoP=one).status_code == 401
    sent = [(b"Authorization", f"DPoP {token}".encode()), (b"DPoP", proof.encode())]
    twice = [*sent, (b"DPoP", prover.proof("GET", ME, token).encode())]
    assert sqlite_api.client.get(ME, headers=twice).status_code == 401
    assert sqlite_api.client.get(ME, headers=sent).status_code == 200


def test_a_refresh_needs_the_key(api: Api) -> None:
    """C7: a stolen refresh token gives nothing without its key, and stays good for who has it."""
    prover = Prover(api)
    issued = bound(api, prover)
    stolen = issued.refresh.reveal()
    thief = Prover(api).proof("POST", "/token")
    assert refreshed(api, stolen, None).json()["error"] == "invalid_grant"
    assert refreshed(api, stolen, thief).json()["error"] == "invalid_grant"
    assert refreshed(api, stolen, prover.proof("POST", "/token")).status_code == 200


def test_the_public_address_is_what_is_proved(sqlite_database: Database, tmp_path: Path) -> None:
    """C7: behind a proxy `htu` is the public address, whatever the Host header says."""
    public = "https://hub.example/penstock"
    with serving(sqlite_database.url, tmp_path, public_url=public, key=KEY) as api:
        prover = Prover(api)
        token = bound(api, prover).access.reveal()
        inside = prover.headers("GET", ME, token)
        assert api.client.get(ME, headers=inside).status_code == 401
        for url in (public + ME, f"https://HUB.example:443/penstock{ME}"):
            outside = prover.headers("GET", ME, token, htu=url)
            assert api.client.get(ME, headers=outside).status_code == 200
