"""The header `DPoP` of a request: that whoever asks has the key of the token (RFC 9449)."""

from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from penstock.api.peer import is_encrypted, is_this_machine
from penstock.api.running import Installation
from penstock.domain.errors import NotSignedIn
from penstock.domain.secret import Secret
from penstock.identity.dpop import ALGORITHMS, Asked, NonceNeeded, ProofBad

CHALLENGE: Final = f'DPoP algs="{" ".join(ALGORITHMS)}"'
_OUR_MACHINE: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class ProofRefused(NotSignedIn):
    """The DPoP proof is not good for this request. `code` is the `error` of RFC 9449."""

    def __init__(self, error: ProofBad) -> None:
        super().__init__(error.message)
        needs_nonce = isinstance(error, NonceNeeded)
        self.code = "use_dpop_nonce" if needs_nonce else "invalid_dpop_proof"
        self.nonce = {"DPoP-Nonce": error.nonce} if isinstance(error, NonceNeeded) else {}
        self.headers = {"WWW-Authenticate": f'{CHALLENGE}, error="{self.code}"', **self.nonce}


async def proved_key(
    request: Request, running: Installation, token: Secret | None = None
) -> str | None:
    """Return the thumbprint of the key that this request proves; None where it proves none.

    `token` is the access token that came along. Raises ProofRefused.
    """
    sent = request.headers.getlist("dpop")
    if not sent:
        return None
    if len(sent) > 1:
        raise ProofRefused(ProofBad("Send one DPoP proof."))
    try:
        return await running.proofs.check(
            sent[0], Asked(request.method, _addresses(request, running), token)
        )
    except ProofBad as error:
        raise ProofRefused(error) from None


def _addresses(request: Request, running: Installation) -> tuple[str, ...]:
    """Return the addresses by which this request may have reached us.

    That is the public one. On this machine itself it is also the one that was asked for, and so it
    is everywhere while no public one is set.
    """
    path = request.scope.get("raw_path", request.url.path.encode()).decode("latin-1")
    scheme = "https" if is_encrypted(request.scope, request.app.state.proxies) else "http"
    asked = f"{scheme}://{request.headers.get('host', '')}{path.partition('?')[0]}"
    public = running.settings.public_url
    if public is None:
        return (asked,)
    outside = str(public).rstrip("/") + path.partition("?")[0]
    is_here = is_this_machine(request.scope) and _host(asked) in _OUR_MACHINE
    return (outside, asked) if is_here else (outside,)


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
