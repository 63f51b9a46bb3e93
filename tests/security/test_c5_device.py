"""C5: a device without a browser is signed in by whoever types its code (RFC 8628)."""

import re
import string

import pytest
import sqlalchemy as sa
from httpx2 import Response

from penstock.db.audit import audit
from penstock.db.device_codes import device_codes
from penstock.identity.devices import LENGTH, LETTERS, MOST_OF_ONE_ADDRESS
from tests.api.serving import Api
from tests.security.browsing import OURS, Browser, hidden, open_browser, signed_in
from tests.security.programs import register
from tests.security.proving import Prover

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
AGENT = "penstock on a small box"


def begun(api: Api, proof: str = "", **fields: str) -> dict[str, str]:
    """Let a device begin; return what it is told."""
    headers = {"User-Agent": AGENT} | ({"DPoP": proof} if proof else {})
    answer = api.client.post("/device_authorization", data=fields or {"x": ""}, headers=headers)
    assert answer.status_code == 200, answer.text
    told: dict[str, str] = answer.json()
    return told


def asked(api: Api, told: dict[str, str], proof: str = "", **fields: str) -> Response:
    """Ask for tokens as the device does."""
    form = {"grant_type": GRANT, "device_code": told["device_code"], **fields}
    return api.client.post("/token", data=form, headers={"DPoP": proof} if proof else {})


def error(answer: Response) -> str:
    """Return why there were no tokens."""
    assert answer.status_code == 400, answer.text
    return str(answer.json()["error"])


def typed(browser: Browser, code: str, decision: str = "approve") -> Response:
    """Type a code on the page, look at what it says, and decide."""
    page = browser.post("/device", browser.fields("/device") | {"code": code})
    if "decision" not in page.text:
        return page
    return browser.post("/device", hidden(page.text) | {"decision": decision})


def test_a_device_is_signed_in(api: Api) -> None:
    """C5: pending until the person says yes; then tokens, once; written down in the audit log."""
    browser = signed_in(api)
    told = begun(api, scope="read sync")
    assert error(asked(api, told)) == "authorization_pending"
    assert typed(browser, told["user_code"]).status_code == 200
    api.clock.advance(seconds=5)
    tokens = asked(api, told).json()
    assert tokens["scope"] == "read sync"
    client = api.bearing(tokens["access_token"])
    assert client.get("/v1/me").json()["username"] == "ada"
    assert error(asked(api, told)) == "invalid_grant"

    def deeds(connection: sa.Connection) -> list[str]:
        return list(connection.execute(sa.select(audit.c.kind)).scalars())

    assert "device_approved" in api.read(deeds)


def test_a_person_may_refuse(api: Api) -> None:
    """C5: after a no the device gets nothing, and its code is over."""
    browser = signed_in(api)
    told = begun(api)
    assert typed(browser, told["user_code"], "refuse").status_code == 200
    assert error(asked(api, told)) == "access_denied"
    assert typed(browser, told["user_code"]).status_code == 422
    assert error(asked(api, told)) == "invalid_grant"


def test_the_page_shows_who_asks(sqlite_api: Api) -> None:
    """C5: the program, the address, the time, what it calls itself and each scope in words."""
    browser = signed_in(sqlite_api)
    told = begun(sqlite_api, scope="read")
    fields = browser.fields("/device") | {"code": told["user_code"].lower().replace("-", " ")}
    page = browser.post("/device", fields).text
    for shown in ("Penstock", "testclient", AGENT, "2026-11-21 09:30", "See everything", "ada"):
        assert shown in page or (shown == "testclient" and "unknown" in page)
    assert "Link institutions" not in page


def test_a_code_is_typed(sqlite_api: Api) -> None:
    """C5: no address brings a code along: neither ours has one in it, nor is one read from it."""
    told = begun(sqlite_api)
    assert "verification_uri_complete" not in told
    assert told["user_code"] not in told["verification_uri"]
    browser = signed_in(sqlite_api)
    assert browser.get(f"/device?user_code={told['user_code']}").status_code == 422


def test_codes_have_room_enough(sqlite_api: Api) -> None:
    """C5: eight of twenty consonants: 20^8 codes; the device's own has 256 bits."""
    assert len(set(LETTERS)) ** LENGTH >= 20**8
    assert not set(LETTERS) & set("AEIOUY" + string.digits)
    told = begun(sqlite_api)
    assert re.fullmatch(f"[{LETTERS}]{{4}}-[{LETTERS}]{{4}}", told["user_code"])
    assert len(told["device_code"].removeprefix("psdev_")) == 43


def test_a_dump_holds_no_code(api: Api) -> None:
    """C5, K4: both codes are stored as hashes, the short one under a key."""
    told = begun(api)

    def dump(connection: sa.Connection) -> str:
        return repr(connection.execute(device_codes.select()).all())

    held = api.read(dump)
    assert told["device_code"] not in held
    assert told["user_code"] not in held
    assert told["user_code"].replace("-", "") not in held


def test_codes_end_after_ten_minutes(api: Api) -> None:
    """C5: ten minutes later nobody can say yes, and the device is told so."""
    browser = signed_in(api)
    told = begun(api)
    api.clock.advance(minutes=10)
    assert typed(browser, told["user_code"]).status_code == 422
    assert error(asked(api, told)) == "expired_token"


def test_who_asks_too_often_is_slowed_down(api: Api) -> None:
    """C5: each question too early makes the pause five seconds longer."""
    told = begun(api)
    assert error(asked(api, told)) == "authorization_pending"
    api.clock.advance(seconds=4)
    assert error(asked(api, told)) == "slow_down"
    api.clock.advance(seconds=9)
    assert error(asked(api, told)) == "slow_down"
    api.clock.advance(seconds=15)
    assert error(asked(api, told)) == "authorization_pending"


def test_guessing_codes_is_slowed_down(api: Api) -> None:
    """C5: after five wrong codes a person waits, whatever they type then, even the right one."""
    told = begun(api)
    browser = signed_in(api)
    fields = browser.fields("/device")
    for n in range(5):
        answer = browser.post("/device", fields | {"code": f"BBBB-BBB{LETTERS[n]}"})
        assert answer.status_code == 422
    answer = browser.post("/device", fields | {"code": told["user_code"]})
    assert answer.status_code == 429
    api.clock.advance(seconds=1)
    assert browser.post("/device", fields | {"code": told["user_code"]}).status_code == 200


def test_many_guessers_are_slowed_down_together(sqlite_api: Api) -> None:
    """C5: guesses are counted for everybody together: a hundred accounts are no way around."""
    waited = 0
    for n in range(70):
        browser = signed_in(sqlite_api, f"guesser{n}")
        fields = browser.fields("/device")
        for _ in range(5):
            answer = browser.post("/device", fields | {"code": "BBBB-BBBB"})
            waited += answer.status_code == 429
    assert waited > 0


def test_no_other_site_says_yes(sqlite_api: Api) -> None:
    """C5, W2: a form of another site, or without the page's token, decides nothing."""
    browser = signed_in(sqlite_api)
    told = begun(sqlite_api)
    right = browser.fields("/device") | {"code": told["user_code"], "decision": "approve"}
    evil = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert browser.post("/device", right, headers=evil).status_code == 403
    without = {"code": told["user_code"], "decision": "approve"}
    assert browser.post("/device", without, headers=OURS).status_code == 403
    assert error(asked(sqlite_api, told)) == "authorization_pending"


def test_strangers_are_sent_to_sign_in(sqlite_api: Api) -> None:
    """C5: nobody guesses codes without being somebody."""
    answer = open_browser(sqlite_api).get("/device")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?next=")


def test_a_stolen_device_code_needs_the_key(api: Api) -> None:
    """C5, C7: a device that began with a proof gets tokens for that key, and nobody else does."""
    prover, thief = Prover(api), Prover(api)
    told = begun(api, prover.proof("POST", "/device_authorization"))
    assert typed(signed_in(api), told["user_code"]).status_code == 200
    assert error(asked(api, told)) == "invalid_grant"
    assert error(asked(api, told, thief.proof("POST", "/token"))) == "invalid_grant"
    tokens = asked(api, told, prover.proof("POST", "/token")).json()
    assert tokens["token_type"] == "DPoP"


def test_another_program_gets_nothing(sqlite_api: Api) -> None:
    """C5, R1: a device code is the program's that began."""
    told = begun(sqlite_api)
    answer = asked(sqlite_api, told, client_id="budget-app")
    assert answer.json()["error"] in ("unauthorized_client", "invalid_client", "invalid_grant")


def test_who_was_disabled_gives_nothing(sqlite_api: Api) -> None:
    """R6: a yes of somebody who was disabled since is none."""
    told = begun(sqlite_api)
    assert typed(signed_in(sqlite_api), told["user_code"]).status_code == 200
    sqlite_api.disable("ada")
    assert error(asked(sqlite_api, told)) in ("access_denied", "invalid_grant")


def test_nobody_fills_the_table(sqlite_api: Api) -> None:
    """C5: from one address only so many devices wait at a time."""
    for _ in range(MOST_OF_ONE_ADDRESS):
        begun(sqlite_api)
    answer = sqlite_api.client.post("/device_authorization", data={"x": ""})
    assert answer.status_code == 429
    sqlite_api.clock.advance(minutes=10)
    begun(sqlite_api)


@pytest.mark.parametrize("code", ["", "\0", "é" * 20, "' OR 1=1", "x" * 5000, "BCDF-"])
def test_what_is_no_code_finds_nothing(sqlite_api: Api, code: str) -> None:
    """X4: whatever is typed or sent for a code, the answer is no."""
    browser = signed_in(sqlite_api)
    answer = browser.post("/device", browser.fields("/device") | {"code": code})
    assert answer.status_code in (400, 422)
    assert error(asked(sqlite_api, {"device_code": code or "x"})) in (
        "invalid_grant",
        "invalid_request",
    )


def test_scopes_are_some_of_ours(sqlite_api: Api) -> None:
    """C5: a device asks for what there is; and never for `export`, which is made by hand."""
    for scope in ("root", "read\nwrite", "export"):
        answer = sqlite_api.client.post("/device_authorization", data={"scope": scope})
        assert error(answer) == "invalid_scope"


def test_a_device_is_as_proved_as_who_let_it_in(api: Api) -> None:
    """C5, L9: a yes in a browser that was left open proves nobody anew: the device must ask."""
    browser = signed_in(api)
    api.clock.advance(minutes=6)
    told = begun(api)
    typed(browser, told["user_code"])
    client = api.bearing(asked(api, told).json()["access_token"])
    assert client.post("/v1/me/recovery-codes").status_code == 401


def test_the_page_names_a_program_of_others(sqlite_api: Api) -> None:
    """C5: a registered program is shown by its name, which an admin gave it."""
    program = register(sqlite_api, name="Budget box")
    told = begun(sqlite_api, client_id=program.client_id, scope="read")
    browser = signed_in(sqlite_api)
    fields = browser.fields("/device") | {"code": told["user_code"]}
    assert "Budget box" in browser.post("/device", fields).text
