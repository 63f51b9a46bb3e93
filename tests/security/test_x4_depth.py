"""X4: nesting without end in what strangers send signed or encoded is refused, never a 500."""

import pytest

from tests.api.serving import Api
from tests.security.browsing import open_browser
from tests.security.proving import encoded

DEEP = "[" * 1400 + "]" * 1400


@pytest.mark.parametrize(
    "parts",
    [
        ('{"typ":"dpop+jwt","alg":"ES256","jwk":{"a":' + DEEP + "}}", "{}"),
        ('{"typ":"dpop+jwt","alg":"ES256","jwk":{}}', '{"a":' + DEEP[600:2200] + "}"),
    ],
)
def test_a_deep_proof_is_refused(sqlite_api: Api, parts: tuple[str, str]) -> None:
    """X4, C7: a DPoP proof with 1,400 brackets in it is no proof, and no trouble."""
    proof = ".".join([*(encoded(one.encode()) for one in parts), "AA"])
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    answer = sqlite_api.client.post("/token", data=form, headers={"DPoP": proof})
    assert answer.status_code == 400, answer.text


def test_a_deep_passkey_answer_is_refused(sqlite_api: Api) -> None:
    """X4, L7: so is what should be a passkey's answer."""
    browser = open_browser(sqlite_api)
    for answer in ('{"id":"x","y":' + "[" * 9000 + "]" * 9000 + "}", "[" * 15000):
        fields = browser.fields("/sign-in") | {"passkey": answer}
        assert browser.post("/sign-in/passkey", fields).status_code == 422
