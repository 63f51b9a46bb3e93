"""W1: cookies of our pages."""

import sqlalchemy as sa

from penstock.db.browser_sessions import browser_sessions
from penstock.domain.secret import Secret
from tests.api.serving import NOWHERE, Api
from tests.security.browsing import GOOD, open_browser, signed_in, somebody


def test_a_cookie_is_bound_to_this_host_and_kept_from_scripts(sqlite_api: Api) -> None:
    """W1: each cookie is `__Host-`, Secure, HttpOnly, SameSite, of the whole host, in no file."""
    somebody(sqlite_api)
    browser = open_browser(sqlite_api)
    page = browser.get("/sign-in")
    signed = browser.sign_in()
    given = [*page.headers.get_list("set-cookie"), *signed.headers.get_list("set-cookie")]
    assert len(given) == 2
    for one in given:
        name, *flags = one.split("; ")
        assert name.startswith("__Host-penstock")
        assert {flag.lower() for flag in flags} == {"httponly", "path=/", "samesite=lax", "secure"}


def test_a_session_has_a_new_id_at_sign_in(api: Api) -> None:
    """W1: each sign-in gives another cookie, and the one before is worth nothing then."""
    browser = signed_in(api)
    first = browser.cookie()
    assert browser.sign_in().status_code == 303
    second = browser.cookie()
    assert first
    assert second
    assert first != second
    assert browser.get("/sign-out").status_code == 200
    old = open_browser(api)
    old.client.cookies.set("__Host-penstock", first, domain="penstock.test")
    assert old.get("/sign-out").status_code == 303


def test_a_planted_cookie_becomes_nobodys_session(sqlite_api: Api) -> None:
    """W1: fixation: what somebody else put into the browser is not what the session is called."""
    somebody(sqlite_api)
    browser = open_browser(sqlite_api)
    planted = "a" * 43
    browser.client.cookies.set("__Host-penstock", planted, domain="penstock.test", path="/")
    assert browser.sign_in().status_code == 303
    thief = open_browser(sqlite_api)
    thief.client.cookies.set("__Host-penstock", planted, domain="penstock.test")
    assert thief.get("/sign-out").status_code == 303


def test_a_dump_opens_no_browser_session(api: Api) -> None:
    """K4, W1: of a cookie only the hash is stored, and the hash is no cookie."""
    browser = signed_in(api)
    cookie = browser.cookie() or ""

    stored = api.read(lambda one: one.execute(sa.select(browser_sessions.c.token_hash)).scalar())
    assert stored
    assert cookie not in stored
    thief = open_browser(api)
    thief.client.cookies.set("__Host-penstock", stored, domain="penstock.test")
    assert thief.get("/sign-out").status_code == 303


def test_a_browser_is_listed_and_ended_with_the_others(api: Api) -> None:
    """R6: a browser is one of a person's sessions; ended elsewhere, its cookie opens nothing."""
    browser = signed_in(api)
    user_id = api.play(lambda: api.identity.check_password("ada", Secret(GOOD), NOWHERE)).id
    (row,) = api.play(lambda: api.identity.sessions(user_id))
    assert (row.client_id, row.scope, row.methods) == ("browser", "", "pwd")
    api.play(lambda: api.identity.end_session(row.id, user_id=user_id))
    assert browser.get("/sign-out").status_code == 303


def test_an_idle_browser_is_signed_out(api: Api) -> None:
    """W1: an hour without a page, and the session is over."""
    browser = signed_in(api)
    for minutes, status in ((59, 200), (60, 303)):
        api.clock.advance(minutes=minutes)
        assert browser.get("/sign-out").status_code == status


def test_a_busy_browser_is_signed_out_after_half_a_day(api: Api) -> None:
    """W1: twelve hours after it began a session is over, however busy it was."""
    browser = signed_in(api)
    for _ in range(23):
        api.clock.advance(minutes=31)
        assert browser.get("/sign-out").status_code == 200
    api.clock.advance(minutes=8)
    assert browser.get("/sign-out").status_code == 303


def test_signing_out_ends_it(api: Api) -> None:
    """W1: after signing out the cookie is gone, and worth nothing where somebody kept it."""
    browser = signed_in(api)
    cookie = browser.cookie() or ""
    assert browser.post("/sign-out", browser.fields("/sign-out")).status_code == 200
    assert browser.cookie() is None
    thief = open_browser(api)
    thief.client.cookies.set("__Host-penstock", cookie, domain="penstock.test")
    assert thief.get("/sign-out").status_code == 303


ELSEWHERE = (
    "//evil.test/",
    "/\\evil.test",
    "https:evil.test",
    "https://evil.test/",
    "\\\\evil.test",
    "/\t/evil.test",
    "javascript:alert(1)",
    " //evil.test",
    "/%0d%0aLocation: https://evil.test",
    "evil.test",
)


def test_after_signing_in_nobody_is_sent_elsewhere(sqlite_api: Api) -> None:
    """W1: `next` is a path of our own, or it is not followed."""
    somebody(sqlite_api)
    browser = open_browser(sqlite_api)
    known = {"username": "ada", "password": GOOD}
    for wanted in ELSEWHERE:
        fields = browser.fields("/sign-in") | known | {"next": wanted}
        answer = browser.post("/sign-in", fields)
        assert answer.status_code == 303
        place = answer.headers["location"]
        assert place.startswith("/")
        assert not place.startswith(("//", "/\\"))
        assert browser.client.base_url.join(place).host == "penstock.test"


def test_after_signing_in_one_is_where_one_wanted_to_be(sqlite_api: Api) -> None:
    """A path of ours, with its query, is kept through the page."""
    somebody(sqlite_api)
    wanted = "/authorize%3Fclient_id%3Dx%26state%3Da%252Fb"
    answer = open_browser(sqlite_api).sign_in(to=wanted)
    assert answer.headers["location"] == "/authorize?client_id=x&state=a%2Fb"
