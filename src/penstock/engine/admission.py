"""The steps towards the bank of each way to link: where a person is sent, what their return gives.

No database here: the state, its use, and what is stored of all this are engine/link.py's.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from penstock.domain.consent import Credentials
from penstock.domain.errors import InvalidInput, OAuthError
from penstock.domain.link_plan import (
    Errand,
    Granted,
    LinkPlan,
    OAuthPlan,
    Return,
    Sent,
    TokenPlan,
    VisitPlan,
)
from penstock.domain.protocol import Sender
from penstock.domain.remedy import ask_person
from penstock.domain.secret import Secret
from penstock.engine.refresh import as_credentials
from penstock.oauth.authorize import check_issuer, new_verifier, read_callback
from penstock.oauth.discovery import discovered
from penstock.oauth.dpop import new_key
from penstock.oauth.proving import Proving
from penstock.oauth.push import sent_off
from penstock.oauth.run import run
from penstock.oauth.token import exchange

MOST_TOKEN: Final = 16_384
_TOKEN: Final = re.compile(r"[!-~]+")  # it goes into a header (RFC 6750 §2.1)


async def send_to_bank(plan: LinkPlan, errand: Errand, send: Sender, proving: Proving) -> Sent:
    """Return where to send the person, and what to keep until they are back.

    Raises InvalidInput where this plan has nobody sent, or lacks a choice; and what the plan does.
    """
    match plan:
        case OAuthPlan():
            chosen = replace(plan, parameters={**plan.parameters, **errand.parameters})
            verifier = new_verifier(proving.entropy)
            key = new_key(proving.entropy) if plan.dpop else None
            asking = sent_off(
                chosen,
                redirect_uri=errand.redirect_uri,
                state=errand.state,
                verifier=verifier,
                key=key,
                proving=proving,
            )
            return Sent(await run(asking, send), _note(verifier, key))
        case VisitPlan():
            missing = [one for one in plan.chooses if not errand.parameters.get(one)]
            if missing and errand.renewed is None:
                raise InvalidInput(
                    f"Say which {' and '.join(missing)} first.",
                    remedy=ask_person("`penstock institutions` finds what there is."),
                )
            return await run(plan.begin(errand), send)
        case TokenPlan():
            raise InvalidInput(
                "This is linked with a token that you paste, not through the browser.",
                remedy=ask_person(f"{plan.where} {plan.url}"),
            )


async def take_back(  # noqa: PLR0913  all of it came back
    plan: LinkPlan,
    parameters: Sequence[tuple[str, str]],
    *,
    redirect_uri: str,
    note: Secret,
    send: Sender,
    now: datetime,
    proving: Proving,
) -> Granted:
    """Return what a person who came back from the bank has brought.

    Raises OAuthError where the bank or the person said no, and what the plan does.
    """
    match plan:
        case OAuthPlan():
            code = read_callback(plan, parameters)
            plan = await run(discovered(plan), send)
            check_issuer(plan, dict(parameters).get("iss"))  # what it publishes may demand one
            verifier, key = _noted(note)
            asking = exchange(
                plan,
                code=code,
                verifier=verifier,
                redirect_uri=redirect_uri,
                key=key,
                proving=proving,
            )
            return Granted(as_credentials(await run(asking, send), now, key=key))
        case VisitPlan():
            told = dict(parameters)
            if len(told) != len(parameters):
                raise OAuthError(
                    "The answer that came back from the bank has a parameter twice.",
                    remedy=ask_person("Nothing was linked. Begin again."),
                )
            return await run(plan.finish(Return(told, redirect_uri, note)), send)
        case TokenPlan():
            raise InvalidInput("This link cannot be finished with an answer from a browser.")


async def take_pasted(plan: TokenPlan, pasted: Secret, send: Sender) -> Granted:
    """Return what a pasted token opens. Raises InvalidInput, and what the plan's claim does."""
    text = pasted.reveal().strip()
    if len(text) > MOST_TOKEN or not _TOKEN.fullmatch(text):
        raise InvalidInput("That is not a token: paste it whole, without spaces or line breaks.")
    if plan.claim is None:
        return Granted(Credentials(access=Secret(text)))
    return await run(plan.claim(Secret(text)), send)


def _note(verifier: Secret, key: Secret | None) -> Secret:
    """Write down what the exchange needs: the verifier, and the key if there is one."""
    return Secret(" ".join(one.reveal() for one in (verifier, key) if one is not None))


def _noted(note: Secret) -> tuple[Secret, Secret | None]:
    verifier, _, key = note.reveal().partition(" ")
    return Secret(verifier), Secret(key) if key else None
