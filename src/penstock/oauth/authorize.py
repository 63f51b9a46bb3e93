"""Sending a person to consent, and reading what they come back with.

RFC 6749 §4.1 (authorization code), RFC 7636 (PKCE, S256 only), RFC 9207 (`iss`, against a mix-up
of servers), RFC 9700 (what to refuse).
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode, urlsplit

from penstock.domain.errors import OAuthError
from penstock.domain.link_plan import OAuthPlan
from penstock.domain.remedy import ask_person
from penstock.domain.secret import Secret
from penstock.oauth.answer import misdeclared, refusal, said
from penstock.oauth.dpop import thumbprint
from penstock.oauth.proving import Entropy, encode

_STATE_BYTES: Final = 32
_VERIFIER_BYTES: Final = 48
_LONGEST_CODE: Final = 4096


def new_state(entropy: Entropy) -> str:
    """Return a state of 256 random bits: unguessable, and good for one link (security.md O1)."""
    return encode(entropy(_STATE_BYTES))


def new_verifier(entropy: Entropy) -> Secret:
    """Return a PKCE verifier of 384 random bits, 64 characters (RFC 7636 §4.1, O2)."""
    return Secret(encode(entropy(_VERIFIER_BYTES)))


def challenge(verifier: Secret) -> str:
    """Return the S256 challenge of a verifier (RFC 7636 §4.2)."""
    return encode(sha256(verifier.reveal().encode("ascii")).digest())


def asked_for(
    plan: OAuthPlan,
    *,
    redirect_uri: str,
    state: str,
    verifier: Secret | None,
    key: Secret | None = None,
) -> dict[str, str]:
    """Return what the authorization request says.

    `verifier` is needed where the plan has PKCE. With a `key` the code is bound to it (RFC 9449
    §10). Raises OAuthError where the plan contradicts itself.
    """
    ours = {
        "response_type": "code",
        "client_id": plan.client_id,
        "redirect_uri": redirect_uri,
        "state": state,
    }
    if plan.scopes:
        ours["scope"] = " ".join(plan.scopes)
    if plan.pkce:
        if verifier is None:
            raise misdeclared("PKCE needs a verifier")
        ours |= {"code_challenge": challenge(verifier), "code_challenge_method": "S256"}
    if key is not None:
        ours["dpop_jkt"] = thumbprint(key)
    taken = ours.keys() & plan.parameters.keys()
    if taken:
        raise misdeclared(f"its parameters may not set {', '.join(sorted(taken))}")
    return {**plan.parameters, **ours}


def address(plan: OAuthPlan, asked: Mapping[str, str]) -> str:
    """Return the address of the consent page, with what is asked in its query."""
    parts = urlsplit(plan.authorize_url)
    if parts.fragment:
        raise misdeclared("its authorization address has a fragment")
    return parts._replace(query="&".join(filter(None, [parts.query, urlencode(asked)]))).geturl()


def begin(
    plan: OAuthPlan,
    *,
    redirect_uri: str,
    state: str,
    verifier: Secret | None,
    key: Secret | None = None,
) -> str:
    """Return the address to which the person is sent to consent, with all that is asked in it.

    Raises OAuthError where the plan contradicts itself.
    """
    asked = asked_for(plan, redirect_uri=redirect_uri, state=state, verifier=verifier, key=key)
    return address(plan, asked)


def read_callback(plan: OAuthPlan, parameters: Sequence[tuple[str, str]]) -> Secret:
    """Return the code out of the query with which the person came back.

    Whose state it carries is for the caller to know; here it must only be there. Raises
    OAuthError, before anything is asked of the token endpoint (O4), where the answer says no, is
    from another issuer (O3), or has a parameter twice (RFC 6749 §3.1).
    """
    names = [name for name, _ in parameters]
    if len(names) != len(set(names)):
        raise _malformed("has a parameter twice")
    answer = dict(parameters)
    if not answer.get("state"):
        raise _malformed("carries no state")
    check_issuer(plan, answer.get("iss"))
    if "error" in answer:
        raise refusal(answer["error"])
    code = answer.get("code", "")
    if not code or len(code) > _LONGEST_CODE or not (code.isascii() and code.isprintable()):
        raise _malformed("carries no code")
    return Secret(code)


def check_issuer(plan: OAuthPlan, issuer: str | None) -> None:
    """Compare the issuers as plain strings (RFC 9207 §2.4). Raises OAuthError."""
    if issuer is None and plan.iss_required:
        raise _malformed("does not say who sent it")
    if issuer is not None and issuer != plan.issuer:
        raise _malformed(f"is not from {said(plan.issuer)}")


def _malformed(what: str) -> OAuthError:
    return OAuthError(
        f"The answer that came back from the bank {what}.",
        remedy=ask_person("Nothing was linked. Begin again, and go to the bank only from here."),
    )
