"""X4: whatever is sent to whichever route, the answer is never an accident of ours.

Driven by the OpenAPI document, on both databases. tests/api/test_fuzz.py looks for what nobody
thought of; what is known to break others is here.
"""

import gzip
import json
import re
from collections.abc import Iterator
from typing import Any, Final

import httpx2
import pytest
from starlette.testclient import TestClient

from tests.api.serving import Api, lines
from tests.security.test_x1_tenants import content_of, document_of, fill, names_in, things_of

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
REQUEST_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
BOMB: Final = gzip.compress(b"[" * 5_000_000)

VALUES: Final = (
    "NaN", "-Infinity", "1e999", "-0", "-0.0", "1" * 5000, r'"\ud800"', r'"\udc00\ud800"',
    r'"\u0000"', r'"\u001b[31m\u202e"', "null", "[]", "{}", "true", '""', '"' + "a" * 100_000 + '"',
    "9223372036854775808", "-1",
)  # fmt: skip
"""What is put in the place of each field of a body, in turn, as JSON."""

BODIES: Final = (
    b"", b"{", b"null", b"[]", b'"a"', b"NaN", b"1e999", b"\xff\xfe", b"\x00", b"[" * 100_000,
    b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000, b"\xef\xbb\xbf{}",
    b"{} {}", "{}".encode("utf-16"), b"{" + b'"a":1,' * 2000 + b'"a":1}',
)  # fmt: skip
"""Whole bodies."""

TYPES: Final = (
    "", "text/plain", "text/plain; charset=\x80", "multipart/form-data",
    "multipart/form-data; boundary=", "multipart/form-data; boundary=x", FORM, "application/xml",
    f"{JSON}; charset=utf-7", "a/" + "b" * 5000, f"{JSON}, {FORM}",
)  # fmt: skip
"""Media types."""

QUERIES: Final = (
    "a=1", "%00=%00", "%ff", "limit=NaN", "limit=1e999", "limit=-0", "limit=%C2%B2",
    "limit=" + "9" * 5000, "cursor=%00", "cursor=" + "A" * 5000, "cursor=%ED%A0%80",
    "from=9999-99-99", "to=-1", "min_amount=NaN", "max_amount=1e999", "text=%ED%A0%80",
    "text=%25%5F%5C", "account=%00", "connection=con_" + "0" * 13, "a" * 60_000,
    "&".join(f"a{one}=1" for one in range(2000)), "limit=1&limit=2", "format=x", "kind=%0a",
    "symbols=%00", "symbols=" + "A," * 5000, "_method=DELETE",
)  # fmt: skip
"""Query strings."""

HEADERS: Final = (
    {"X-HTTP-Method-Override": "DELETE"}, {"X-Method-Override": "PUT"},
    {"X-Forwarded-For": "127.0.0.1, \x7f, ::ffff:1.2.3.4%eth0"},
    {"X-Forwarded-Proto": "javascript"},
    {"Forwarded": "for=127.0.0.1;proto=https"}, {"X-Forwarded-Host": "evil.example"},
    {"Host": "evil.example"}, {"Host": ""}, {"Host": "a" * 5000}, {"Host": "[::1"},
    {"X-Request-ID": "a\tb"}, {"X-Request-ID": "a" * 5000}, {"Idempotency-Key": ""},
    {"Idempotency-Key": "\x80"}, {"Idempotency-Key": "a" * 5000}, {"Accept": "\x80"},
    {"Content-Length": "-1"}, {"Content-Length": "9" * 100}, {"Content-Length": "\xb2"},
    {"Content-Encoding": "gzip"}, {"Range": "bytes=0-0,1-1"}, {"Origin": "null"},
    {"If-None-Match": "*"}, {"Accept-Language": "a;q=1e999"}, {"Cookie": "=;=\x80;a"},
    {"DPoP": "a.b.c"},
)  # fmt: skip
"""Headers."""

Operation = tuple[str, str, dict[str, Any]]


class Asking:
    """Asks as somebody signed in, who signs in again where an answer ended the session."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._client = api.signed_in("ada")
        self.asked = 0

    def check(self, method: str, address: str, **sent: Any) -> httpx2.Response:
        """Ask, and see that the answer is no accident of ours."""
        answer = self._client.request(method, address, **sent)
        what = (method, address[:100], str(sent)[:200], answer.text[:500])
        assert answer.status_code < 500 or answer.status_code in {502, 503}, what
        if answer.status_code >= 400:
            kind = answer.headers["content-type"]
            assert kind in {"application/problem+json", JSON, "text/html; charset=utf-8"}, what
        assert REQUEST_ID.fullmatch(answer.headers["x-request-id"]), what
        if answer.status_code == 401 or "sign-out" in address:
            self._client = self._api.signed_in("ada")
        self.asked += 1
        return answer


def operations(api: Api) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Return method, address, description and document of every route, over things of ada's."""
    document = document_of(api)
    ids = things_of(api, "ada")
    for path, routes in document["paths"].items():
        for method, route in routes.items():
            names = dict.fromkeys(names_in(path), "x") | ids
            yield method.upper(), fill(path, names), route, document


def fields_replaced(content: bytes) -> Iterator[bytes]:
    """Return a body with each of its fields replaced by each bad value, and said twice."""
    fitting = json.loads(content)
    for name in fitting if isinstance(fitting, dict) else ():
        others = {key: value for key, value in fitting.items() if key != name}
        before = json.dumps(others)[1:-1] + (", " if others else "")
        for value in VALUES:
            yield f"{{{before}{json.dumps(name)}: {value}}}".encode()
        yield f'{{{before}"{name}": 1, "{name}": 2}}'.encode()


@pytest.mark.long
def test_bad_bodies(api: Api) -> None:
    """X4: NaN, 1e999, -0, lone surrogates, deep nesting, names twice, NUL, huge, bombs."""
    asking = Asking(api)
    for method, address, route, document in operations(api):
        kinds = route.get("requestBody", {}).get("content", {JSON: {}})
        for body in (*BODIES, b"x" * 300_000):
            asking.check(method, address, content=body, headers={"Content-Type": next(iter(kinds))})
        packed = {"Content-Type": JSON, "Content-Encoding": "gzip"}
        bombed = asking.check(method, address, content=BOMB, headers=packed)
        assert "requestBody" not in route or bombed.status_code >= 400
        fitting = content_of(route, document, {}, every=True)
        for body in fields_replaced(fitting) if fitting and JSON in kinds else ():
            asking.check(method, address, content=body, headers={"Content-Type": JSON})
    assert asking.asked > 1000


def test_bad_types(sqlite_api: Api) -> None:
    """X4: a media type that no route takes, or that is none."""
    asking = Asking(sqlite_api)
    for method, address, route, document in operations(sqlite_api):
        fitting = content_of(route, document, {}) or b"{}"
        for kind in TYPES:
            headers = [(b"Content-Type", kind.encode("latin-1"))]
            asking.check(method, address, content=fitting, headers=headers)


@pytest.mark.long
def test_bad_queries(api: Api) -> None:
    """X4: huge, NUL, no UTF-8, no number, 2,000 parameters, a cursor that was tampered with."""
    asking = Asking(api)
    for method, address, _, _ in operations(api):
        for query in QUERIES if method == "GET" else QUERIES[:4]:
            asking.check(method, f"{address}?{query}")


def test_bad_headers(sqlite_api: Api) -> None:
    """X4: what is said of the way, the host and the request is not believed, and breaks nothing."""
    asking = Asking(sqlite_api)
    for method, address, _, _ in operations(sqlite_api):
        for headers in HEADERS:
            raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
            answer = asking.check(method, address, headers=raw)
            assert "evil.example" not in str(answer.headers) + answer.text


def test_bad_ids(api: Api) -> None:
    """X4: an id in a path that is none, of another kind, huge, or no text at all."""
    asking = Asking(api)
    document = document_of(api)
    bad = (
        "%00",
        "%ff",
        "%ED%A0%80",
        "..%2f..",
        "a" * 5000,
        "acc_" + "z" * 13,
        "con_0000000000001%0a",
    )
    for path, routes in document["paths"].items():
        for method in routes if "{" in path else ():
            for text in bad:
                asking.check(method.upper(), fill(path, dict.fromkeys(names_in(path), text)))


def test_a_cursor_that_was_tampered_with(api: Api) -> None:
    """X4: each character of a cursor changed: a page or a refusal."""
    things_of(api, "ada")
    for _ in range(3):
        api.begin("ada")
    asking = Asking(api)
    cursor = asking.check("GET", "/v1/sessions?limit=1").json()["next_cursor"]
    for place in range(len(cursor)):
        for character in "A_-~=":
            changed = cursor[:place] + character + cursor[place + 1 :]
            answer = asking.check("GET", "/v1/sessions", params={"cursor": changed})
            assert answer.status_code in {200, 400}


@pytest.mark.parametrize(
    "form",
    [
        "&".join(f"a{one}=1" for one in range(2000)),
        "grant_type=password&" * 2000,
        "grant_type=password&username=%00&password=%ED%A0%80",
        "grant_type=password&username=a&password=a&scope=read%0aadmin",
        "grant_type=password&username=a&password=a&scope=%ff",
        "grant_type=refresh_token&refresh_token=%00",
        "grant_type=" + "a" * 100_000,
        "=&=&=", "%", "grant_type", "\x00",
    ],
    ids=range(11),
)  # fmt: skip
def test_bad_forms(api: Api, form: str) -> None:
    """X4: 2,000 fields, fields twice, NUL, a newline in scopes: 400, as OAuth 2.0 has it."""
    answer = api.client.post("/token", content=form, headers={"Content-Type": FORM})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]


def test_a_method_is_not_overridden(sqlite_api: Api) -> None:
    """X4: a GET stays one, whatever a header or a parameter says."""
    client = sqlite_api.signed_in("ada")
    path = f"/v1/transactions/{things_of(sqlite_api, 'ada')['transaction_id']}"
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        assert client.get(path, headers={name: "DELETE"}).json()["deleted_at"] is None
    assert client.post(path, headers={"X-HTTP-Method-Override": "DELETE"}).status_code == 405


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "CF-Connecting-IP"])
def test_a_stranger_does_not_say_where_they_are(
    sqlite_api: Api, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """X4: an address that somebody claims is not written down, nor what they call their request."""
    client = TestClient(sqlite_api.app, client=("192.0.2.7", 1))
    client.portal = sqlite_api.client.portal
    caplog.set_level("INFO", "penstock")
    sent = {name: "127.0.0.1", "X-Request-ID": "a b"}
    assert client.get("/metrics", headers=sent).status_code in {401, 403, 404}
    (line,) = [one for one in lines(caplog) if one["event"] == "request_answered"]
    assert line["address"] == "192.0.2.7"
    assert line["request_id"] != "a b"
