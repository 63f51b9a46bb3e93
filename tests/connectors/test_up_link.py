"""How Up is linked, and what its answers mean."""

from dataclasses import replace
from datetime import timedelta

import pytest

from penstock.connectors.up import Up
from penstock.domain.consent import ConsentState, Credentials
from penstock.domain.errors import ContractBroken, OAuthError, OAuthUnavailable
from penstock.domain.link_plan import TokenPlan
from penstock.domain.protocol import PendingRule, VerdictKind
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.domain.update import Absence
from tests.connectors.up_samples import (
    BASE,
)

BANK = Up()
PING = b'{"meta":{"id":"someone","statusEmoji":"x"}}'


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, VerdictKind.OK),
        (401, VerdictKind.UNAUTHORIZED),
        (404, VerdictKind.CONTRACT),
        (422, VerdictKind.CONTRACT),
        (429, VerdictKind.THROTTLED),
        (500, VerdictKind.TRANSIENT),
        (503, VerdictKind.TRANSIENT),
    ],
)
def test_what_answers_mean(status: int, kind: VerdictKind) -> None:
    """A deleted token is a 401; there is nothing to renew it with."""
    verdict = BANK.classify(Response(status, {}, b'{"errors":[]}'))
    assert verdict.kind is kind
    assert verdict.consent in {None, ConsentState.LOGIN_REQUIRED}


def claim(response: Response) -> tuple[Credentials, Request]:
    """Paste a token at a bank that answers so; return what opens the connection."""
    (plan,) = BANK.link_plans
    assert isinstance(plan, TokenPlan)
    assert plan.claim is not None
    asking = plan.claim(Secret("up:yeah:canary"))
    request = next(asking)
    with pytest.raises(StopIteration) as end:
        asking.send(response)
    return end.value.value.credentials, request


def test_a_pasted_token_is_tried_at_once() -> None:
    """Up's ping says whose a token is; it is kept as it was pasted, and is in no address."""
    credentials, request = claim(Response(200, {}, PING))
    assert credentials.access.reveal() == "up:yeah:canary"
    assert credentials.expires_at is None
    assert request.url == f"{BASE}/util/ping"
    assert "canary" not in f"{request!r}{request.url}"


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (Response(401, {}, b""), OAuthError),
        (Response(429, {"retry-after": "9"}, b""), OAuthUnavailable),
        (Response(502, {}, b""), OAuthUnavailable),
        (Response(200, {}, b"<html>"), ContractBroken),
        (Response(404, {}, b""), ContractBroken),
    ],
    ids=range(5),
)
def test_a_token_that_up_does_not_know_is_refused(
    response: Response, error: type[Exception]
) -> None:
    """Before anything is stored, and with a word on what to do."""
    with pytest.raises(error):
        claim(response)


def test_what_it_declares() -> None:
    """A thousand requests an hour for each token; silence ends what is pending, nothing else."""
    (limit,) = BANK.budgets
    assert (limit.calls, limit.window) == (1000, timedelta(hours=1))
    assert BANK.pending_rule is PendingRule.USUALLY_SAME_ID
    assert (BANK.absence, BANK.sends_removals) == (Absence.PENDING_GONE, False)
    assert replace(BANK, base_url="http://127.0.0.1:1/up/api/v1").docs_url == BANK.docs_url
