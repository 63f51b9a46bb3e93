"""X4: whatever is sent, the answer is a problem of the sender's, never an accident of ours."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.api.errors import MalformedRequest
from penstock.api.strict_json import read_json
from tests.api.serving import Api

JSON = {"Content-Type": "application/json"}
PATH = "/v1/me/password"

MALFORMED: dict[str, bytes] = {
    "nothing but a brace": b"{",
    "no JSON": b"old=a&new=b",
    "not a number": b'{"old": NaN, "new": "x"}',
    "infinite": b'{"old": -Infinity, "new": "x"}',
    "too large": b'{"old": 1e999, "new": "x"}',
    "a number of 5,000 digits": b'{"old": ' + b"1" * 5000 + b', "new": "x"}',
    "half a pair": rb'{"old": "\ud800", "new": "x"}',
    "half a pair as a name": rb'{"\udc00": "a", "old": "a", "new": "x"}',
    "a NUL": rb'{"old": "\u0000", "new": "x"}',
    "nested lists": b"[" * 100_000,
    "nested lists, closed": b"[" * 100_000 + b"]" * 100_000,
    "nested objects": b'{"a":' * 40_000 + b"1" + b"}" * 40_000,
    "deeper than 32": b"[" * 40 + b"]" * 40,
    "a name twice": b'{"old": "a", "old": "b", "new": "x"}',
    "not UTF-8": b'{"old": "\xff", "new": "x"}',
    "UTF-16": '{"old": "a", "new": "b"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"old": "a", "new": "x"}',
    "more after the end": b'{"old": "a", "new": "x"} {}',
}

UNFIT: dict[str, object] = {
    "null": None,
    "a list": [],
    "a text": "old",
    "a number": 1,
    "a field missing": {"old": "a"},
    "a field too many": {"old": "a", "new": "b", "is_admin": True},
    "a number for a text": {"old": 1, "new": "b"},
    "true for a text": {"old": "a", "new": True},
    "nested": {"old": {"old": "a"}, "new": ["b"]},
    "a name that is no text": {"old": "a", "new": "b", "<script>\u001b[31m": 1},
}


@pytest.mark.parametrize("name", sorted(MALFORMED))
def test_malformed_bodies(sqlite_api: Api, name: str) -> None:
    """What cannot be read is 400, and nothing of it is echoed raw."""
    answer = sqlite_api.signed_in().post(PATH, content=MALFORMED[name], headers=JSON)
    assert answer.status_code == 400, answer.text
    assert answer.json()["type"] == "urn:penstock:problem:malformed-request"


@pytest.mark.parametrize("name", sorted(UNFIT))
def test_unfit_bodies(sqlite_api: Api, name: str) -> None:
    """What can be read but does not fit is 422, with the place of each fault and no value."""
    answer = sqlite_api.signed_in().post(PATH, json=UNFIT[name])
    assert answer.status_code == 422, answer.text
    assert answer.json()["faults"]
    assert "\u001b" not in answer.text


@pytest.mark.parametrize(
    "kind", ["text/plain", "", "application/xml", "application/jsonx", "a" * 5000]
)
def test_other_types(sqlite_api: Api, kind: str) -> None:
    """W2: a body that does not call itself JSON is not read as JSON."""
    answer = sqlite_api.signed_in().post(PATH, content=b"{}", headers={"Content-Type": kind})
    assert answer.status_code == 415


def test_no_body(sqlite_api: Api) -> None:
    """A body that is missing is a fault like any other."""
    assert sqlite_api.signed_in().post(PATH).status_code == 422


def test_huge_bodies(sqlite_api: Api) -> None:
    """What is announced too large is not read; what turns out too large is not read on."""
    client = sqlite_api.signed_in()
    assert client.post(PATH, content=b"x" * 300_000, headers=JSON).status_code == 413

    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            yield b" " * 65_536

    assert client.post(PATH, content=endless(), headers=JSON).status_code == 413


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=-1",
        "limit=99999999999999999999999",
        "limit=1e3",
        "limit=NaN",
        "limit=%00",
        "limit=",
        "limit=1&limit=x",
        "cursor=",
        "cursor=%00",
        "cursor=" + "A" * 5000,
        "cursor=%ff%fe",
        "cursor=%F0%9F%98%80",
        "cursor=../../etc/passwd",
        "no_such_filter=1",
        "%00=1",
        "%ff=1",
        "limit[]=1",
    ],
)
def test_bad_queries(sqlite_api: Api, query: str) -> None:
    """A parameter that cannot be used, or that is not there, is 400 or 422."""
    answer = sqlite_api.signed_in().get(f"/v1/sessions?{query}")
    assert answer.status_code in {400, 422}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "ses_",
        "ses_zzzzzzzzzzzzz",
        "ses_000000000000i",
        "usr_0000000000001",
        "%00",
        "%ff",
        "ses_0000000000001%0a",
        "%F0%9F%98%80",
        "..%2f..",
        "ses_" + "0" * 5000,
        "ses_000000000000%C2%B2",
    ],
)
def test_bad_ids(sqlite_api: Api, text: str) -> None:
    """What is no id of ours is 404, and troubles no database."""
    answer = sqlite_api.signed_in().delete(f"/v1/sessions/{text}")
    assert answer.status_code == 404, answer.text


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """The reader of bodies gives a value or MalformedRequest, nothing else."""
    try:
        value = read_json(body)
    except MalformedRequest:
        return
    assert json.dumps(value).encode()


@settings(max_examples=200)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("abc"), inner),
    )
)
def test_good_json_comes_through(value: object) -> None:
    """What is sent as JSON arrives as it was."""
    assert read_json(json.dumps(value).encode()) == value
