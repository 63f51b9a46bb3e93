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
from penstock.oauth.authorize import begin, read_callback
from penstock.oauth.discovery import discovered
from penstock.oauth.run import run
from penstock.oauth.token import exchange

MOST_TOKEN: Final = 16_384
_TOKEN: Final = re.compile(r"[!-~]+")  # it goes into a header (RFC 6750 §2.1)


async def send_to_bank(plan: LinkPlan, errand: Errand, verifier: Secret, send: Sender) -> Sent:
    """Return where to send the person, and what to keep until they are back.

    Raises InvalidInput where this plan has nobody sent, or lacks a choice; and what the plan does.
    """
    match plan:
        case OAuthPlan():
            plan = await run(discovered(plan), send)
            chosen = replace(plan, parameters={**plan.parameters, **errand.parameters})
            url = begin(
                chosen, redirect_uri=errand.redirect_uri, state=errand.state, verifier=verifier
            )
            return Sent(url, verifier)
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


async def take_back(
    plan: LinkPlan,
    parameters: Sequence[tuple[str, str]],
    *,
    redirect_uri: str,
    note: Secret,
    send: Sender,
    now: datetime,
) -> Granted:
    """Return what a person who came back from the bank has brought.

    Raises OAuthError where the bank or the person said no, and what the plan does.
    """
    match plan:
        case OAuthPlan():
            code = read_callback(plan, parameters)
            asking = exchange(plan, code=code, verifier=note, redirect_uri=redirect_uri)
            return Granted(as_credentials(await run(asking, send), now))
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
