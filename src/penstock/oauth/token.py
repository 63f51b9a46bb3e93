"""Tokens: a code is exchanged for them, they are refreshed, and at last revoked.

RFC 6749 §4.1.3, §5 and §6; RFC 6750 (bearer); RFC 7009 (revocation). Each step is a generator
that yields requests without credentials of the connection and is sent the answers.
"""

import math
import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from penstock.domain.consent import Credentials
from penstock.domain.errors import GrantRefused, OAuthError
from penstock.domain.link_plan import OAuthPlan
from penstock.domain.remedy import ask_person
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.oauth.answer import check_done, misdeclared, nonsense, read_object, said
from penstock.oauth.client_auth import client_proof
from penstock.oauth.discovery import discovered
from penstock.oauth.dpop import TOKEN_TYPE, with_proof
from penstock.oauth.proving import Proving

LONGEST_LIFE: Final = 10 * 365 * 24 * 60 * 60

_TOKEN: Final = re.compile(r"[!-~]{1,16384}")  # it goes into a header (RFC 6750 §2.1)
_SCOPE: Final = re.compile(r"[!#-\[\]-~ ]{1,4096}")  # RFC 6749 §3.3
_SECONDS: Final = re.compile(r"[0-9]{1,18}")
# These ask for a kind of answer, not for access, and servers often leave them out.
_NOT_ACCESS: Final = frozenset(["openid", "offline_access"])


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """A token answer that was checked.

    `expires_in` is seconds, at most ten years. What is None was not said: the refresh token and
    the scope are then as they were before (RFC 6749 §6).
    """

    access: Secret
    refresh: Secret | None
    expires_in: int | None
    scope: str | None


Tokens = Generator[Request, Response, TokenAnswer]


def exchange(
    plan: OAuthPlan,
    *,
    code: Secret,
    verifier: Secret | None,
    redirect_uri: str,
    key: Secret | None = None,
    proving: Proving | None = None,
) -> Tokens:
    """Exchange the code for tokens (RFC 6749 §4.1.3, RFC 7636 §4.5), bound to `key` if there is.

    Raises OAuthError: GrantRefused where the code is no good, OAuthUnavailable where the server
    cannot answer; also where less was allowed than the plan asks for.
    """
    proving = proving or Proving()
    if plan.dpop and key is None:
        raise misdeclared("its tokens are bound to a key, and there is none")
    form = {
        "grant_type": "authorization_code",
        "code": code.reveal(),
        "redirect_uri": redirect_uri,
    }
    if plan.pkce and verifier is not None:
        form["code_verifier"] = verifier.reveal()
    plan = yield from discovered(plan)
    response = yield from _ask(plan, plan.token_url, form, key, proving)
    answer = _read(response, key)
    _check_scope(plan, answer)
    return answer


def refresh(
    plan: OAuthPlan, token: Secret, *, key: Secret | None = None, proving: Proving | None = None
) -> Tokens:
    """Get a new access token, and often a new refresh token, for an old one (RFC 6749 §6).

    Raises GrantRefused where the old one is dead and the person must consent anew. After any
    other OAuthError it is as good as before; OAuthUnavailable says to try later.
    """
    proving = proving or Proving()
    form = {"grant_type": "refresh_token", "refresh_token": token.reveal()}
    plan = yield from discovered(plan)
    response = yield from _ask(plan, plan.token_url, form, key, proving)
    if plan.is_dead is not None and plan.is_dead(response):
        raise GrantRefused
    return _read(response, key)


def revoke(
    plan: OAuthPlan, credentials: Credentials, *, proving: Proving | None = None
) -> Generator[Request, Response, None]:
    """End our access at the bank: the refresh token first, then the access token (RFC 7009).

    Asks nothing where the server has no address for it. Both are tried; raises the first OAuthError
    at the end. A kind of token that the server does not revoke is no error.
    """
    proving = proving or Proving()
    published = plan.publishes
    plan = yield from discovered(plan)
    if plan.revoke_url is None:
        if published:
            raise nonsense("publishes no way to give a token back")
        return
    failure: OAuthError | None = None
    tokens = {"refresh_token": credentials.refresh, "access_token": credentials.access}
    for hint, token in tokens.items():
        if not token:
            continue
        form = {"token": token.reveal(), "token_type_hint": hint}
        response = yield _request(plan, plan.revoke_url, form, proving)
        try:
            check_done(response)
        except OAuthError as error:
            if error.code != "unsupported_token_type":
                failure = failure or error
    if failure is not None:
        raise failure


def _ask(
    plan: OAuthPlan, url: str, form: Mapping[str, str], key: Secret | None, proving: Proving
) -> Generator[Request, Response, Response]:
    """Ask for tokens, once more where the server wants a nonce: each time it is said anew who asks.

    Without a key they are a bearer's.
    """
    return (yield from with_proof(lambda: _request(plan, url, form, proving), key, proving))


def _request(plan: OAuthPlan, url: str, form: Mapping[str, str], proving: Proving) -> Request:
    proof, headers = client_proof(plan, proving)
    return Request(
        "POST",
        url,
        {
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
            **headers,
        },
        urlencode({**form, **proof}).encode("ascii"),
        authorized=False,
    )


def _read(response: Response, key: Secret | None) -> TokenAnswer:
    answer = read_object(response)
    kind, wanted = answer.get("token_type"), "bearer" if key is None else TOKEN_TYPE
    if not isinstance(kind, str) or kind.lower() != wanted:
        raise nonsense(f"gave a token that is not of the type `{wanted}`")
    access = _token(answer, "access_token")
    if access is None:
        raise nonsense("gave no access token")
    return TokenAnswer(
        access, _token(answer, "refresh_token"), _life(answer.get("expires_in")), _scope(answer)
    )


def _token(answer: Mapping[str, object], name: str) -> Secret | None:
    value = answer.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise nonsense(f"gave a {name} that cannot be one")
    return Secret(value)


def _life(value: object) -> int | None:
    """Read `expires_in`: whole seconds, tolerated as a text or as 3600.0 too."""
    if value is None:
        return None
    if isinstance(value, str) and _SECONDS.fullmatch(value):
        value = int(value)
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise nonsense("gave a token with a lifetime that makes no sense")
    return min(value, LONGEST_LIFE)


def _scope(answer: Mapping[str, object]) -> str | None:
    value = answer.get("scope")
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _SCOPE.fullmatch(value):
        raise nonsense("gave a scope that cannot be one")
    return value


def _check_scope(plan: OAuthPlan, answer: TokenAnswer) -> None:
    """Refuse less than was asked for: a sync that lacks a permission would fail again and again.

    A server that grants what was asked may leave the scope out (RFC 6749 §5.1).
    """
    if answer.scope is None:
        return
    missing = set(plan.scopes) - set(answer.scope.split()) - _NOT_ACCESS
    if missing:
        raise OAuthError(
            f"The bank was not allowed to give us: {said(' '.join(sorted(missing)))}.",
            code="insufficient_scope",
            remedy=ask_person("Nothing was linked. Begin again, and leave nothing out."),
        )
