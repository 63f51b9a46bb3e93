"""Tokens that only the holder of a key can use (RFC 9449).

The key is the connection's own. A proof names one request; a server may ask that it carries a nonce
of its own, and whoever lacks the newest is told it and asks once more (§8, §9).
"""

import base64
from collections.abc import Callable, Generator
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey

from penstock.domain.consent import Credentials
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.oauth.proving import Entropy, Proving, encode, signed

TOKEN_TYPE: Final = "dpop"  # noqa: S105 - the name of a type
LONGEST_NONCE: Final = 1024

_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_SCALAR_BYTES: Final = 32
_SPARE_BYTES: Final = 8
_ASKS_FOR_NONCE: Final = "use_dpop_nonce"
_MOST_READ: Final = 4096


def new_key(entropy: Entropy) -> Secret:
    """Return a new private key of the curve P-256: its number in base64url, 43 characters.

    From 64 random bits more than it has, so that none is likelier (FIPS 186-5 A.2.1).
    """
    drawn = int.from_bytes(entropy(_SCALAR_BYTES + _SPARE_BYTES), "big") % (_ORDER - 1) + 1
    return Secret(encode(drawn.to_bytes(_SCALAR_BYTES, "big")))


def thumbprint(key: Secret) -> str:
    """Return what names a key in an authorization request (`dpop_jkt`, §10; RFC 7638)."""
    return _opened(key.reveal()).thumbprint()


def proof(
    key: Secret, method: str, url: str, proving: Proving, *, access: Secret | None = None
) -> str:
    """Return the proof for one request (§4.2); with the token that goes along, if one does."""
    opened = _opened(key.reveal())
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": opened.as_dict(private=False)}
    claims: dict[str, object] = {
        "jti": proving.new_id(),
        "htm": method,
        "htu": urlsplit(url)._replace(query="", fragment="").geturl(),
        "iat": proving.now(),
    }
    if access is not None:
        claims["ath"] = encode(sha256(access.reveal().encode("ascii")).digest())
    nonce = proving.nonces.get(_origin(url))
    if nonce is not None:
        claims["nonce"] = nonce
    return signed(header, claims, opened)


def with_proof(
    make: Callable[[], Request],
    key: Secret | None,
    proving: Proving,
    *,
    access: Secret | None = None,
) -> Generator[Request, Response, Response]:
    """Ask with a proof; once more where the server wants one with its nonce. Return the answer.

    `make` makes the request each time it is sent. Without a key it is asked as it is.
    """
    request = make()
    if key is None:
        return (yield request)
    response = yield _proved(request, key, proving, access)
    if _remember(response, request.url, proving) and _wants_nonce(response):
        response = yield _proved(make(), key, proving, access)
        _remember(response, request.url, proving)
    return response


def plain(request: Request) -> Generator[Request, Response, Response]:
    """Ask as it is; return the answer."""
    return (yield request)


def bound(
    request: Request, opened: Credentials, proving: Proving
) -> Generator[Request, Response, Response]:
    """Ask with a token that is bound to a key, where it is; return the answer.

    The request was signed as if the token were a bearer's: that word is replaced (§7.1).
    """
    if opened.key is None:
        return (yield from plain(request))
    bearer = f"Bearer {opened.access.reveal()}"
    headers = {
        name: f"DPoP {opened.access.reveal()}" if text == bearer else text
        for name, text in request.headers.items()
    }
    ours = replace(request, headers=headers)
    return (yield from with_proof(lambda: ours, opened.key, proving, access=opened.access))


def _proved(request: Request, key: Secret, proving: Proving, access: Secret | None) -> Request:
    made = proof(key, request.method, request.url, proving, access=access)
    return replace(request, headers={**request.headers, "DPoP": made})


def _remember(response: Response, url: str, proving: Proving) -> bool:
    """Keep the nonce that a server gave, for its next request; say whether it gave one."""
    nonce = response.headers.get("dpop-nonce", "")
    if not 0 < len(nonce) <= LONGEST_NONCE or not (nonce.isascii() and nonce.isprintable()):
        return False
    proving.nonces[_origin(url)] = nonce
    return True


def _wants_nonce(response: Response) -> bool:
    """Read it from the body of a token endpoint (§8), or from a resource's challenge (§9)."""
    match response.status:
        case HTTPStatus.BAD_REQUEST:
            return _ASKS_FOR_NONCE.encode() in response.body[:_MOST_READ]
        case HTTPStatus.UNAUTHORIZED:
            told = response.headers.get("www-authenticate", "")
            return _ASKS_FOR_NONCE in told or _ASKS_FOR_NONCE.encode() in response.body[:_MOST_READ]
        case _:
            return False


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}"


@lru_cache(maxsize=64)
def _opened(scalar: str) -> ECKey:
    number = int.from_bytes(base64.urlsafe_b64decode(scalar + "="), "big")
    native = ec.derive_private_key(number, ec.SECP256R1())
    return ECKey(native, native)
