"""Saying what we ask for before the person goes: the request is pushed (RFC 9126).

What goes through the browser is then a name for it. Nobody there reads it, and nobody changes it.
"""

import re
from collections.abc import Generator
from typing import Final
from urllib.parse import urlencode

from penstock.domain.errors import GrantRefused
from penstock.domain.link_plan import OAuthPlan
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.oauth.answer import nonsense, read_object
from penstock.oauth.authorize import address, asked_for, begin
from penstock.oauth.client_auth import client_proof
from penstock.oauth.discovery import discovered
from penstock.oauth.proving import Proving

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]{1,500}")  # a URI (RFC 3986 §3)


def sent_off(
    plan: OAuthPlan,
    *,
    redirect_uri: str,
    state: str,
    verifier: Secret,
    key: Secret | None,
    proving: Proving,
) -> Generator[Request, Response, str]:
    """Return the address to which the person is sent to consent.

    Asks nothing where the addresses are known and nothing is pushed. `key` is what the tokens shall
    be bound to. Raises OAuthError.
    """
    plan = yield from discovered(plan)
    if not plan.pushes:
        return begin(plan, redirect_uri=redirect_uri, state=state, verifier=verifier, key=key)
    asked = asked_for(plan, redirect_uri=redirect_uri, state=state, verifier=verifier, key=key)
    proof, headers = client_proof(plan, proving)
    pushed = Request(
        "POST",
        plan.push_url,
        {
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
            **headers,
        },
        urlencode({**asked, **proof}).encode("ascii"),
        authorized=False,
    )
    try:
        answer = read_object((yield pushed))
    except GrantRefused:
        raise nonsense("refused what we ask for as if it were a token") from None
    name = answer.get("request_uri")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise nonsense("took what we ask for, and gave it no name")
    return address(plan, {"client_id": plan.client_id, "request_uri": name})
