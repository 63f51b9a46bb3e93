"""L5: passwords that everybody tries first."""

import pytest

from penstock.domain.secret import Secret
from penstock.identity import passwords
from penstock.identity.passwords import PasswordRefused, check_new, is_breached
from tests.api.serving import Api


@pytest.mark.parametrize(
    "password",
    ["password1", "PassWord1", "iloveyou", "football", "1qaz2wsx", "qwertyuiop", "letmein1"],
)
def test_what_leaked_often_is_refused(password: str) -> None:
    """L5: the passwords of the lists of leaks are not taken, in whatever capitals."""
    with pytest.raises(PasswordRefused, match="first that anybody"):
        check_new(Secret(password), "ada")


def test_the_list_is_a_real_one() -> None:
    """L5: it has more than the 3,000 that ASVS 6.2.4 asks for, each once, in order."""
    known = passwords._breached()  # noqa: SLF001 - the list itself is the promise
    hashes = [known[n : n + 5] for n in range(0, len(known), 5)]
    assert len(hashes) > 10_000
    assert hashes == sorted(set(hashes))
    assert {len(one) for one in hashes} == {5}


@pytest.mark.parametrize(
    "password",
    [
        "penstock1",
        "P3nst0ck!!",
        "penstockpenstock",
        "lovelace99",
        "ada.lovelace",
        "Lovelace2026!",
        "aaaaaaaaaaaa",
        "p@ssw0rd2026",
        "mybank1234",
    ],
)
def test_words_about_here_are_refused(password: str) -> None:
    """L5: the product, the person, one key: with digits, signs and look-alikes around them."""
    with pytest.raises(PasswordRefused):
        check_new(Secret(password), "ada.lovelace")


@pytest.mark.parametrize(
    "password",
    ["correct horse battery", "lovelace met babbage", "zu7-Kq,19", "\u00fc\u00fcabcdxy"],
)
def test_others_are_taken(password: str) -> None:
    """L5: what only contains such a word, or is short but no common one, is taken."""
    assert not is_breached(password)
    check_new(Secret(password), "ada.lovelace")


def test_every_way_in_asks_the_list(sqlite_api: Api) -> None:
    """L5: adding, setting up, inviting and changing all refuse it."""
    api, bad = sqlite_api, Secret("football1")
    with pytest.raises(PasswordRefused):
        api.play(lambda: api.identity.add_user("bob", bad))
    link = api.play(api.identity.offer_setup)
    assert link is not None
    with pytest.raises(PasswordRefused):
        api.play(lambda: api.identity.finish_setup(link.token, "bob", bad))
    admin = api.admin()
    made = admin.post("/v1/invitations", json={}).json()
    token = Secret(made["url"].partition("link=")[2])
    with pytest.raises(PasswordRefused):
        api.play(lambda: api.identity.people.accept(token, "bob", bad))
    answer = admin.post("/v1/me/password", json={"old": "x", "new": bad.reveal()})
    assert answer.status_code == 422
