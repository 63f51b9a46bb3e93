"""What SnapTrade's answers mean, and when it is to be asked again."""

import pytest

from penstock.domain.consent import ConsentState
from penstock.domain.protocol import VerdictKind
from penstock.domain.request import Response
from tests.connectors.snaptrade_samples import BROKERS


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, VerdictKind.OK),
        (400, VerdictKind.CONTRACT),
        (401, VerdictKind.UNAUTHORIZED),
        (403, VerdictKind.CONSENT),
        (404, VerdictKind.CONTRACT),
        (410, VerdictKind.CONTRACT),
        (425, VerdictKind.NOT_READY),
        (429, VerdictKind.THROTTLED),
        (500, VerdictKind.TRANSIENT),
        (503, VerdictKind.TRANSIENT),
    ],
)
def test_what_answers_mean(status: int, kind: VerdictKind) -> None:
    """425: SnapTrade has not gathered it yet. 503: the broker is away, or being read."""
    verdict = BROKERS.classify(Response(status, {}, b'{"detail":"x","code":"3012"}'))
    assert verdict.kind is kind
    assert verdict.consent is (ConsentState.LOGIN_REQUIRED if status == 403 else None)


THROTTLED = b'{"detail":"Request was throttled. Expected available in 7 seconds.","code":"0000"}'


@pytest.mark.parametrize(
    ("headers", "body", "wait"),
    [
        ({}, THROTTLED, 7),
        ({}, THROTTLED.replace(b"7 seconds", b"1 second"), 1),
        ({}, b'{"detail":"Request was throttled."}', None),
        ({}, b"<html>", None),
        ({}, THROTTLED.replace(b"7", b"9" * 40), None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "12"}, THROTTLED, 12),
        ({"x-ratelimit-remaining": "9", "x-ratelimit-reset": "12"}, THROTTLED, 7),
        ({"x-ratelimit-account-remaining": "0", "x-ratelimit-account-reset": "5"}, b"", 5),
        (
            {
                "x-ratelimit-remaining": "0",
                "x-ratelimit-reset": "3",
                "x-ratelimit-account-remaining": "0",
                "x-ratelimit-account-reset": "44",
            },
            b"",
            44,
        ),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon"}, THROTTLED, 7),
    ],
    ids=range(10),
)
def test_a_429_says_when_in_headers_or_in_words(
    headers: dict[str, str], body: bytes, wait: float | None
) -> None:
    """sync.md 22: the limit that was hit counts; where no header tells, the words do."""
    verdict = BROKERS.classify(Response(429, headers, body))
    assert (verdict.kind, verdict.wait) == (VerdictKind.THROTTLED, wait)
