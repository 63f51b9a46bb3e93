"""L7: passkeys, and everything that makes one worth nothing."""

import asyncio
import html
import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from penstock.domain.errors import InvalidInput
from penstock.domain.secret import Secret
from penstock.identity.factors import FactorRefused
from penstock.identity.passkeys import Party
from tests.api.serving import Api
from tests.security.authenticator import Authenticator
from tests.security.browsing import ORIGIN, Browser, hidden, open_browser, signed_in, somebody

HOST = "penstock.test"
PARTY = Party(ORIGIN, HOST)
BOUND = Secret("the cookie of one browser")


def made(api: Api, username: str = "ada") -> tuple[int, Authenticator]:
    """Return a person and their passkey."""
    user_id, passkeys = somebody(api, username), api.identity.passkeys
    device = Authenticator(ORIGIN, HOST)
    options = api.play(lambda: passkeys.adding(user_id, BOUND, PARTY))
    answer = device.create(options)
    codes = api.play(lambda: passkeys.add(user_id, 0, answer, "key", BOUND, PARTY))
    assert len(codes) == 10
    return user_id, device


def asked(api: Api, bound: Secret = BOUND) -> str:
    """Return the options to sign in with."""
    return api.play(lambda: api.identity.passkeys.asking(bound, PARTY))


def proves(api: Api, answer: str, bound: Secret = BOUND, user_id: int | None = None) -> bool:
    """Say whether an answer lets somebody in."""
    check = api.identity.passkeys.check
    try:
        api.play(lambda: check(answer, bound, PARTY, user_id))
    except FactorRefused:
        return False
    return True


def test_a_passkey_lets_in(api: Api) -> None:
    """L7: made, and used twice, each time for a challenge of its own."""
    _, device = made(api)
    assert proves(api, device.get(asked(api)))
    assert proves(api, device.get(asked(api)))


def test_a_challenge_is_good_once(api: Api) -> None:
    """L7: the same answer again is refused, and so is another answer to the same challenge."""
    _, device = made(api)
    options = asked(api)
    answer = device.get(options)
    assert proves(api, answer)
    assert not proves(api, answer)
    assert not proves(api, device.get(options))


def test_of_answers_at_the_same_moment_one_lets_in(api: Api) -> None:
    """L7: a challenge that is answered eight times at once is answered once."""
    _, device = made(api)
    answer = device.get(asked(api))
    check = api.identity.passkeys.check

    async def race() -> list[object]:
        tries = [check(answer, BOUND, PARTY) for _ in range(8)]
        return list(await asyncio.gather(*tries, return_exceptions=True))

    done = api.play(race)
    assert sum(not isinstance(one, BaseException) for one in done) == 1
    assert sum(isinstance(one, FactorRefused) for one in done) == 7


def test_a_challenge_runs_out(api: Api) -> None:
    """L7: five minutes, and it is too late."""
    _, device = made(api)
    answer = device.get(asked(api))
    api.clock.advance(minutes=5)
    assert not proves(api, answer)


Wrong = Callable[[Authenticator, str], str]

WRONG: dict[str, Wrong] = {
    "another origin": lambda one, asked: one.get(asked, origin="https://evil.test"),
    "a subdomain": lambda one, asked: one.get(asked, origin=f"https://app.{HOST}"),
    "not by TLS": lambda one, asked: one.get(asked, origin=f"http://{HOST}"),
    "another host": lambda one, asked: replace(one, host="evil.test").get(asked),
    "nobody verified": lambda one, asked: replace(one, verified=False).get(asked),
    "a count that goes back": lambda one, asked: replace(one, count=0, step=0).get(asked),
    "a count that was there": lambda one, asked: replace(one, step=0).get(asked),
    "tampered with": lambda one, asked: one.get(asked, tamper=True),
    "another key": lambda one, asked: replace(one, key=Authenticator("", "").key).get(asked),
    "an unknown passkey": lambda one, asked: replace(one, credential_id=b"x" * 32).get(asked),
    "made, not used": lambda one, asked: one.create(asked),
    "another type": lambda one, asked: one.get(asked, type="webauthn.create"),
    "no challenge of ours": lambda one, asked: one.get(asked, challenge="AAAA"),
    "a challenge of nothing": lambda one, asked: one.get(asked, challenge=""),
    "no text": lambda one, asked: one.get(asked, challenge=7),
    "no JSON": lambda _one, _asked: "{",
    "nothing": lambda _one, _asked: "",
    "a list": lambda _one, _asked: "[]",
    "too much": lambda one, asked: one.get(asked, extra="x" * 30_000),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_lets_nobody_in(sqlite_api: Api, wrong: Wrong) -> None:
    """L7: origin, host, verification, count, signature, key and challenge all have to be right."""
    _, device = made(sqlite_api)
    assert proves(sqlite_api, device.get(asked(sqlite_api)))
    assert not proves(sqlite_api, wrong(device, asked(sqlite_api)))
    device.count += 5
    assert proves(sqlite_api, device.get(asked(sqlite_api)))


def test_a_challenge_belongs_to_one_browser(sqlite_api: Api) -> None:
    """L7: what another browser was asked is not answered in this one."""
    _, device = made(sqlite_api)
    answer = device.get(asked(sqlite_api, Secret("another browser")))
    assert not proves(sqlite_api, answer)


def test_a_challenge_to_add_is_none_to_sign_in(sqlite_api: Api) -> None:
    """L7: a challenge is for one purpose."""
    user_id, device = made(sqlite_api)
    adding = sqlite_api.identity.passkeys.adding
    options = sqlite_api.play(lambda: adding(user_id, BOUND, PARTY))
    assert not proves(sqlite_api, device.get(options))


def test_the_passkey_of_somebody_else(sqlite_api: Api) -> None:
    """L7: where Ada's password was given, Eve's passkey is no second factor."""
    ada, _ = made(sqlite_api)
    _, eves = made(sqlite_api, "eve")
    assert not proves(sqlite_api, eves.get(asked(sqlite_api)), user_id=ada)
    assert proves(sqlite_api, eves.get(asked(sqlite_api)))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"verified": False}, {}),
        ({"host": "evil.test"}, {}),
        ({}, {"origin": "https://evil.test"}),
        ({}, {"challenge": "AAAA"}),
        ({}, {"type": "webauthn.get"}),
    ],
)
def test_a_passkey_that_was_made_wrongly_is_not_stored(
    sqlite_api: Api, change: dict[str, Any], told: dict[str, str]
) -> None:
    """L7: the same holds when a passkey is made."""
    user_id, passkeys = somebody(sqlite_api), sqlite_api.identity.passkeys
    options = sqlite_api.play(lambda: passkeys.adding(user_id, BOUND, PARTY))
    device = replace(Authenticator(ORIGIN, HOST), **change)
    answer = device.create(options, **told)
    with pytest.raises(FactorRefused):
        sqlite_api.play(lambda: passkeys.add(user_id, 0, answer, "key", BOUND, PARTY))
    assert sqlite_api.play(lambda: sqlite_api.identity.factors.of(user_id)) == []


def test_a_disabled_persons_passkey(sqlite_api: Api) -> None:
    """R6, L7: nobody who is disabled gets in by a passkey."""
    user_id, device = made(sqlite_api)
    sqlite_api.play(lambda: sqlite_api.identity.people.disable(user_id))
    assert not proves(sqlite_api, device.get(asked(sqlite_api)))


def options_of(page: str) -> str:
    """Return the options that a page hands to its script."""
    found = re.search(r'data-passkey="([^"]+)"', page)
    assert found
    return html.unescape(found[1])


def with_answer(page: str, answer: str, **more: str) -> dict[str, str]:
    """Return the fields of the form with the passkey."""
    return hidden(page) | {"passkey": answer} | more


def test_by_the_pages(sqlite_api: Api) -> None:
    """L7, W1: a passkey is added on the account page; it signs in alone, and after a password."""
    browser, device = signed_in(sqlite_api), Authenticator(ORIGIN, HOST)
    page = browser.get("/security").text
    answer = device.create(options_of(page))
    fields = with_answer(page, answer, do="passkey", name="my key")
    assert 'id="codes"' in browser.post("/security", fields).text
    assert "my key" in browser.get("/security").text
    fresh = open_browser(sqlite_api)
    page = fresh.get("/sign-in").text
    into = fresh.post("/sign-in/passkey", with_answer(page, device.get(options_of(page))))
    assert into.headers["location"] == "/security"
    assert fresh.get("/security").status_code == 200
    _after_a_password(open_browser(sqlite_api), device)


def _after_a_password(browser: Browser, device: Authenticator) -> None:
    asked = browser.sign_in()
    assert asked.headers["location"].startswith("/sign-in/factor")
    assert browser.cookie() is None
    page = browser.get("/sign-in/factor").text
    answer = browser.post("/sign-in/factor", with_answer(page, device.get(options_of(page))))
    assert answer.headers["location"] == "/security"
    assert browser.get("/security").status_code == 200


WEIRD = ["", "AA", "_" * 300, "oQ", "gICA" * 500, "\0", "é", "ow", "w" * 200, "pGNmbXRkbm9uZQ"]
"""Base64 of what is cut off, nested, or nothing at all; and what is no base64."""


@pytest.mark.parametrize("field", ["id", "rawId", "authenticatorData", "signature", "userHandle"])
def test_a_weird_answer_is_refused(api: Api, field: str) -> None:
    """L7, X4: whatever stands in an answer, it is refused, and never an error of ours."""
    _, device = made(api)
    for weird in WEIRD:
        answer = json.loads(device.get(asked(api)))
        place = answer if field in answer else answer["response"]
        place[field] = weird
        assert not proves(api, json.dumps(answer)) or field == "userHandle"


@pytest.mark.parametrize("field", ["id", "attestationObject", "clientDataJSON"])
def test_a_weird_new_passkey_is_refused(api: Api, field: str) -> None:
    """L7, X4: the same when one is added."""
    user_id, passkeys = somebody(api), api.identity.passkeys
    device = Authenticator(ORIGIN, HOST)
    for weird in WEIRD:
        options = api.play(lambda: passkeys.adding(user_id, BOUND, PARTY))
        answer = json.loads(device.create(options))
        place = answer if field in answer else answer["response"]
        place[field] = weird
        add = partial(passkeys.add, user_id, 0, json.dumps(answer), "key", BOUND, PARTY)
        with pytest.raises((FactorRefused, InvalidInput)):
            api.play(add)
