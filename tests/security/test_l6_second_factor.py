"""L6: one-time codes, and recovery codes."""

import asyncio
from dataclasses import dataclass

import pyotp
import pytest
import sqlalchemy as sa

from penstock.db.factors import factors
from penstock.db.recovery_codes import recovery_codes
from penstock.domain.secret import Secret
from penstock.identity.throttle import FACTOR, PAIR
from tests.api.serving import Api
from tests.security.browsing import GOOD, open_browser, somebody


@dataclass
class Enrolled:
    """Ada, with an authenticator."""

    api: Api
    totp: pyotp.TOTP
    recovery: list[str]
    user_id: int

    def code(self, *, ahead: int = 0) -> str:
        return self.totp.at(int(self.api.clock().timestamp()) + 30 * ahead)

    def sign_in(self, otp: str | None, password: str = GOOD) -> str:
        """Return "in", or the error."""
        form = {"grant_type": "password", "username": "ada", "password": password}
        form |= {"otp": otp} if otp else {}
        answer = self.api.client.post("/token", data=form)
        return "in" if answer.is_success else str(answer.json()["error"])


def enrol(api: Api) -> Enrolled:
    """Give Ada an authenticator, by the API."""
    user_id = somebody(api)
    client = api.signed_in("ada")
    begun = client.post("/v1/me/factors/totp", json={"name": "phone"}).json()
    totp = pyotp.TOTP(begun["secret"])
    assert f"secret={totp.secret}&" in begun["uri"]
    path = f"/v1/me/factors/{begun['id']}/confirm"
    assert client.post(path, json={"code": "000000"}).status_code == 401
    confirmed = client.post(path, json={"code": totp.at(int(api.clock().timestamp()))})
    codes = confirmed.json()["recovery_codes"]
    assert len(set(codes)) == 10
    api.clock.advance(minutes=2)
    return Enrolled(api, totp, codes, user_id)


def test_the_password_alone_is_not_enough(api: Api) -> None:
    """L6, L8: with a factor the password grant says `mfa_required`, and lets in with a code."""
    ada = enrol(api)
    assert ada.sign_in(None) == "mfa_required"
    assert ada.sign_in("123456") == "invalid_grant"
    assert ada.sign_in(ada.code()) == "in"


def test_a_wrong_password_tells_nothing_of_a_factor(sqlite_api: Api) -> None:
    """L3: who does not know the password does not learn that there is a factor."""
    ada = enrol(sqlite_api)
    assert ada.sign_in(None, "wrong horse battery") == "invalid_grant"
    assert ada.sign_in(ada.code(), "wrong horse battery") == "invalid_grant"


def test_a_code_is_good_once(api: Api) -> None:
    """L6: the same code again is refused, and so is the one of the step before."""
    ada = enrol(api)
    code, before = ada.code(), ada.code(ahead=-1)
    assert ada.sign_in(code) == "in"
    assert ada.sign_in(code) == "invalid_grant"
    assert ada.sign_in(before) == "invalid_grant"
    assert ada.sign_in(ada.code(ahead=1)) == "in"


@pytest.mark.parametrize(("ahead", "said"), [(-2, 0), (-1, 1), (0, 1), (1, 1), (2, 0)])
def test_a_step_to_either_side_is_taken(sqlite_api: Api, ahead: int, said: int) -> None:
    """L6: clocks may differ by a step of thirty seconds, and not by two."""
    ada = enrol(sqlite_api)
    assert ada.sign_in(ada.code(ahead=ahead)) == ("invalid_grant", "in")[said]


@pytest.mark.parametrize("kind", ["totp", "recovery"])
def test_of_the_same_code_in_parallel_one_wins(api: Api, kind: str) -> None:
    """L6: one code sent five times at the same moment lets one of them in."""
    ada = enrol(api)
    code = Secret(ada.code() if kind == "totp" else ada.recovery[0])
    user = api.play(lambda: api.identity.people.get(ada.user_id))
    check = api.identity.factors.check

    async def race() -> list[object]:
        tries = [check(user, code, f"192.0.2.{n}") for n in range(5)]
        return list(await asyncio.gather(*tries, return_exceptions=True))

    done = api.play(race)
    assert [one is None for one in done].count(True) == 1, done


def test_a_recovery_code_is_good_once(api: Api) -> None:
    """L6: each lets in once, however it is typed; the others stay good."""
    ada = enrol(api)
    first, second = ada.recovery[:2]
    assert ada.sign_in(first) == "in"
    assert ada.sign_in(first) == "invalid_grant"
    assert ada.sign_in(second.upper().replace("-", " ")) == "in"
    left = api.signed_in("ada").get("/v1/me/factors").json()
    assert left["recovery_codes"] == 8


def test_new_recovery_codes_end_the_old(sqlite_api: Api) -> None:
    """L6: after a renewal the codes from before open nothing."""
    ada = enrol(sqlite_api)
    new = sqlite_api.signed_in("ada").post("/v1/me/recovery-codes").json()["recovery_codes"]
    assert not set(new) & set(ada.recovery)
    assert ada.sign_in(ada.recovery[3]) == "invalid_grant"
    assert ada.sign_in(new[0]) == "in"


def test_a_dump_has_no_secret_and_no_code(api: Api) -> None:
    """L6, K4: the secret is sealed, and recovery codes are keyed hashes."""
    ada = enrol(api)
    stored = [str(row) for row in api.read(lambda one: one.execute(sa.select(factors)).all())]
    rows = api.read(lambda one: one.execute(sa.select(recovery_codes)).all())
    stored += [str(row) for row in rows]
    assert len(stored) == 11
    for secret in (ada.totp.secret, *ada.recovery):
        assert not any(secret in row or secret.replace("-", "") in row for row in stored)


def test_guessing_codes_is_slowed_down(api: Api) -> None:
    """L6: five guesses from one place are free, then one waits; the right code waits too."""
    ada = enrol(api)
    said = [ada.sign_in(f"{n:06}") for n in range(PAIR.free + 2)]
    assert said == ["invalid_grant"] * PAIR.free + ["too_many_attempts"] * 2
    assert ada.sign_in(ada.code()) == "too_many_attempts"
    api.clock.advance(minutes=16)
    assert ada.sign_in(ada.code()) == "in"


def test_guessing_from_many_places_is_slowed_down(sqlite_api: Api) -> None:
    """L6: whoever knows the password has twenty guesses from all addresses together."""
    ada = enrol(sqlite_api)
    user = sqlite_api.play(lambda: sqlite_api.identity.people.get(ada.user_id))
    check = sqlite_api.identity.factors.check

    async def guess() -> list[str]:
        said: list[object] = []
        for n in range(FACTOR.free + 10):
            tried = check(user, Secret(f"{n:06}"), f"198.51.100.{n}")
            said += await asyncio.gather(tried, return_exceptions=True)
        return [type(one).__name__ for one in said]

    said = sqlite_api.play(guess)
    assert said == ["FactorRefused"] * FACTOR.free + ["TooManyAttempts"] * 10


def test_what_was_begun_counts_for_nothing(sqlite_api: Api) -> None:
    """L6: an authenticator that was never confirmed is not asked for, and is no factor."""
    somebody(sqlite_api)
    client = sqlite_api.signed_in("ada")
    begun = client.post("/v1/me/factors/totp", json={"name": "phone"}).json()
    form = {"grant_type": "password", "username": "ada", "password": GOOD}
    assert sqlite_api.client.post("/token", data=form).status_code == 200
    client.post("/v1/me/factors/totp", json={"name": "other"})
    path = f"/v1/me/factors/{begun['id']}/confirm"
    code = pyotp.TOTP(begun["secret"]).at(int(sqlite_api.clock().timestamp()))
    assert client.post(path, json={"code": code}).status_code in {401, 404}


DIGITS_OF_OTHERS = "\u0661\u0662\u0663\u0664\u0665\u0666"


@pytest.mark.parametrize("code", [DIGITS_OF_OTHERS, "", " ", "-", "0" * 100])
def test_other_codes_are_refused(sqlite_api: Api, code: str) -> None:
    """X4: digits of other scripts, nothing, half a surrogate pair: refused, and no accident."""
    ada = enrol(sqlite_api)
    path = "/v1/me/prove"
    answer = sqlite_api.signed_in("ada").post(path, json={"password": GOOD, "code": code or None})
    assert answer.status_code in {400, 401}, ada


def test_by_the_pages(sqlite_api: Api) -> None:
    """L6: a browser is asked for the code after the password, and has no session before it."""
    ada = enrol(sqlite_api)
    browser = open_browser(sqlite_api)
    assert browser.sign_in().headers["location"].startswith("/sign-in/factor")
    assert browser.get("/security").status_code == 303
    fields = browser.fields("/sign-in/factor?next=/sign-out")
    assert browser.post("/sign-in/factor", fields | {"code": "123456"}).status_code == 422
    done = browser.post("/sign-in/factor", fields | {"code": ada.code()})
    assert done.headers["location"] == "/sign-out"
    assert browser.get("/security").status_code == 200
    again = browser.post("/sign-in/factor", fields | {"code": ada.code(ahead=1)})
    assert again.headers["location"] == "/sign-in"
