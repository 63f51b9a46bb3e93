"""W2: forms that other sites send in a person's name."""

import itertools

import pytest

from tests.api.serving import Api
from tests.security.browsing import GOOD, ORIGIN, OURS, Browser, signed_in

ELSEWHERE = [
    {"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.test"},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "null"},
    {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
    {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
    {"Origin": ORIGIN, "Sec-Fetch-Site": "same-site"},
    {"Origin": ORIGIN, "Sec-Fetch-Site": "none"},
    {"Origin": "https://app.penstock.test", "Sec-Fetch-Site": "same-site"},
    {"Origin": "http://penstock.test"},
    {"Origin": f"{ORIGIN}:444"},
    {"Origin": f"{ORIGIN}.evil.test"},
    {"Sec-Fetch-Site": "cross-site"},
    {},
]
"""What browsers say of a form that is not from a page of ours, or not surely."""


@pytest.fixture
def browser(sqlite_api: Api) -> Browser:
    """Return a browser in which Ada has signed in."""
    return signed_in(sqlite_api)


def test_a_form_from_elsewhere_is_refused(browser: Browser) -> None:
    """W2: another origin, a null one, a cross-site fetch, or none of them told: 403."""
    fields = browser.fields("/sign-out")
    for headers in ELSEWHERE:
        assert browser.post("/sign-out", fields, headers).status_code == 403, headers
    assert browser.get("/sign-out").status_code == 200


def test_nobody_is_signed_in_from_elsewhere(browser: Browser) -> None:
    """W2: login CSRF: another site cannot sign the browser in as somebody else."""
    fields = browser.fields("/sign-in") | {"username": "ada", "password": GOOD}
    before = browser.cookie()
    for headers in ELSEWHERE:
        assert browser.post("/sign-in", fields, headers).status_code == 403, headers
    assert browser.cookie() == before


def test_a_form_without_the_token_is_refused(browser: Browser) -> None:
    """W2: a form that carries no token, or a made-up one, is refused though all else is right."""
    for path, csrf in itertools.product(("/sign-in", "/sign-out"), ("", "0" * 64, "\u00e9")):
        right = browser.fields(path) | {"username": "ada", "password": GOOD}
        assert browser.post(path, right | {"csrf": csrf}).status_code == 403, (path, csrf)
        del right["csrf"]
        assert browser.post(path, right).status_code == 403, path


def test_the_token_of_another_session_is_no_token(sqlite_api: Api, browser: Browser) -> None:
    """W2: a token belongs to one cookie; another person's, or that of a form before, is not it."""
    evil = signed_in(sqlite_api, "eve")
    assert browser.post("/sign-out", evil.fields("/sign-out")).status_code == 403
    assert browser.post("/sign-out", browser.fields("/sign-in")).status_code == 403


def test_a_form_of_another_type_is_refused(browser: Browser) -> None:
    """W2: what a cross-site form may be beside ours (text/plain, multipart) is not read."""
    types = ("text/plain", "multipart/form-data; boundary=x", "application/json", "", "text/html")
    for path, media_type in itertools.product(("/sign-in", "/sign-out"), types):
        body = "&".join(f"{name}={value}" for name, value in browser.fields(path).items())
        headers = {"Content-Type": media_type, **OURS}
        answer = browser.client.post(path, content=body, headers=headers)
        assert answer.status_code == 415, (path, media_type)


def test_a_link_signs_nobody_out(browser: Browser) -> None:
    """W2: a GET changes nothing: the page only has the button."""
    assert browser.get("/sign-out").status_code == 200
    assert browser.get("/sign-out").status_code == 200


def test_pages_let_the_origin_through(browser: Browser) -> None:
    """W2, W3: with `no-referrer` browsers would call our own forms' origin `null`."""
    assert browser.get("/sign-out").headers["referrer-policy"] == "same-origin"


def test_the_api_takes_no_cookie(browser: Browser) -> None:
    """W2: a browser session opens no route of the API, which forms could be aimed at."""
    for path in ("/v1/me", "/v1/sessions"):
        assert browser.get(path).status_code == 401
