"""What a log must never show."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.secret import Secret
from penstock.identity.personal import PREFIX
from penstock.identity.refreshing import RefreshTokens
from penstock.observe.redact import (
    MOST_CHARACTERS,
    names_secret,
    redact,
    redact_field,
    redact_text,
)

TOKEN = st.text(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=",
    min_size=4,
    max_size=60,
).map(lambda text: f"CANARY{text}")

PLACES: list[Callable[[str], object]] = [
    lambda c: f"https://bank.example/cb?code={c}&state=abc",
    lambda c: f"https://bank.example/cb?x=1&state={c}",
    lambda c: f"https://bank.example/cb?access_token={c}#there",
    lambda c: f"https://bank.example/go?next=https%3A%2F%2Fus%2Fcb%3Fcode%3D{c}",
    lambda c: (
        f"https://bank.example/go?next=https%253A%252F%252Fus%252Fcb%253Fa%253D1%2526code%253D{c}"
    ),
    lambda c: f"could not open postgresql://penstock:{c.replace('/', '')}@db.internal:5432/x",
    lambda c: f"Authorization: Bearer {c}",
    lambda c: f"authorization: Basic {c} was refused",
    lambda c: f"sent bearer {c}",
    lambda c: f"sent DPoP {c}",
    lambda c: f"grant_type=refresh_token&refresh_token={c}&client_id=x",
    lambda c: f"client_secret={c}",
    lambda c: f"code_verifier: {c}",
    lambda c: f"X-Api-Key: {c}",
    lambda c: f"Set-Cookie: session={c}; HttpOnly",
    lambda c: f"password='{c} and more words {c}' was wrong",
    lambda c: json.dumps({"access_token": c, "expires_in": 3600}),
    lambda c: json.dumps({"inner": json.dumps({"refresh_token": f'{c}"{c}'})}),
    lambda c: repr({"client_secret": f"{c} {c}", "x": 1}),
    lambda c: repr([("authorization", c), ("accept", "*/*")]),
    lambda c: repr({b"password": c.encode()}),
    lambda c: f"-----BEGIN EC PRIVATE KEY-----\n{c}\n-----END EC PRIVATE KEY-----",
    lambda c: f"the assertion eyJhbGciOiJIUzI1NiJ9.{c}.{c}",
    lambda c: f"the environment has PENSTOCK_KEY={c}",
    lambda c: f"GET https://us.example/setup?link={c} was asked",
    lambda c: f"POST https://bridge.example/simplefin/claim/{c} failed",
    lambda c: {"path": f"/simplefin/claim/{c}"},
    lambda c: {"password": c},
    lambda c: {"refreshToken": {"value": c}},
    lambda c: {"headers": {"Authorization": c, "Proxy-Authorization": c}},
    lambda c: {"deep": [{"list": ({"api_key": c},)}]},
    lambda c: {"code": c, "state": c, "otp": c},
    lambda c: {"url": f"https://{c.replace('/', '')}:{c.replace('/', '')}@bank.example/"},
    lambda c: {"it": Secret(c), "them": [Secret(c)]},
    lambda c: {"error": ValueError(f"token={c}")},
    lambda c: {"body": c.encode()},
    Secret,
]


@given(TOKEN, st.sampled_from(PLACES))
def test_no_canary_comes_through(canary: str, place: Callable[[str], object]) -> None:
    """K3: wherever a secret stands, its text is not in what comes out."""
    assert canary not in json.dumps(redact(place(canary)))


def test_a_refresh_token_of_ours_is_known_by_its_looks() -> None:
    """K3: it begins so that it can be told wherever it stands, and so it is."""
    token = RefreshTokens(bytes(32)).first().reveal()
    assert redact_text(f"what is {token}, pray?") == "what is ***, pray?"


@pytest.mark.parametrize("prefix", [PREFIX, "psac_", "pscs_", "psdev_"])
def test_whatever_opens_penstock_is_known_by_its_looks(prefix: str) -> None:
    """K3: a token, a code or a secret is masked alone and in a path, where it has no name."""
    for secret in (prefix + "x" * 43, prefix + "x-_" * 14):
        assert redact_text(secret) == "***"
        assert redact({"path": f"/v1/accounts/{secret}"}) == {"path": "/v1/accounts/***"}


@given(TOKEN, st.sampled_from(PLACES), st.text(max_size=40), st.text(max_size=40))
def test_no_canary_comes_through_amid_anything(
    canary: str, place: Callable[[str], object], before: str, after: str
) -> None:
    """K3: nor when it stands amid other text."""
    placed = place(canary)
    text = placed if isinstance(placed, str) else repr(redact(placed))
    assert canary not in redact_text(f"{before}\n{text} {after}")


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.binary(),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner)
        ),
        max_leaves=20,
    )
)
def test_whatever_is_redacted_can_be_written_as_json(value: object) -> None:
    """A log line comes out whatever was put into it: NaN, bytes and lone surrogates too."""
    plain = redact(value)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_what_is_no_secret_stays_readable() -> None:
    """Redaction leaves ordinary facts alone, or the log would be of no use."""
    for text in (
        "GET https://bank.example/v1/accounts?cursor=abc&limit=50 answered 200",
        "status code: 404",
        "the consent is in state expired",
        "inserted=15 unchanged=0 connector=sandbox",
        "me@bank.example wrote",
    ):
        assert redact_text(text) == text
    assert redact({"status": 200, "connector": "starling", "ok": True, "age": 1.5}) == {
        "status": 200,
        "connector": "starling",
        "ok": True,
        "age": 1.5,
    }


def test_an_absent_secret_is_shown_as_absent() -> None:
    """Whether there is a secret at all may be seen."""
    assert redact_field("refresh_token", None) is None
    assert redact_field("has_token", value=False) is False
    assert redact_field("refresh_token", "x") == "***"


@pytest.mark.parametrize(
    "name",
    ["password", "Access-Token", "client_secret", "Set-Cookie", "X-API-Key", "code", "STATE_"],
)
def test_names_of_secrets_are_known(name: str) -> None:
    """A field is masked by its name, however that is spelt."""
    assert names_secret(name)


@pytest.mark.parametrize("name", ["status_code", "error_code", "connector", "statement", "pinned"])
def test_other_names_are_not(name: str) -> None:
    """A name that only resembles a secret's is left alone."""
    assert not names_secret(name)


def test_what_cannot_be_shown_does_not_stop_the_line() -> None:
    """A value whose text cannot be had, or that has no end, still leaves a line."""

    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    endless: list[object] = []
    endless.append(endless)
    assert redact(Broken()) == "<Broken without a text>"
    assert "…" in repr(redact(endless))


def test_long_text_is_cut_after_it_was_masked() -> None:
    """A long text is cut, and cutting it cannot bring a secret back."""
    text = "x" * (MOST_CHARACTERS - 20) + " https://name:canary" + "y" * 100 + "@bank.example"
    out = redact_text(text)
    assert len(out) == MOST_CHARACTERS + 1
    assert "canary" not in out


@pytest.mark.parametrize(
    "hostile",
    [
        "token" * 20_000,
        "://" * 30_000,
        "eyJ" * 30_000,
        "-----BEGIN PRIVATE KEY-----" * 3_000,
        "token=" + '"\\' * 50_000,
        "bearer" + " " * 100_000,
        "code" + "\\" * 100_000,
        "://" + "a" * 100_000,
    ],
)
def test_hostile_text_is_masked_in_linear_time(hostile: str) -> None:
    """X4: no text makes the patterns run away; a quadratic one would take minutes here."""
    assert len(redact_text(hostile)) <= MOST_CHARACTERS + 1


@given(st.text("abceyJpstr_.-/:=%+ \"'tokensecretcode0bearer", max_size=60))
def test_the_short_way_masks_as_much_as_the_long_one(text: str) -> None:
    """A text that is taken for plain words says the same when every rule is asked."""
    long_way = redact_text(f"{text}\n")  # a line break is in no plain text
    assert redact_text(text) == long_way[:-1]
