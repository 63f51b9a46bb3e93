"""The app as a whole: what goes around every answer, and what cannot be added to it."""

import json
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, NoReturn

import pytest
from fastapi import APIRouter, Depends
from starlette.responses import Response, StreamingResponse

from penstock.api.app import create_app
from penstock.api.auth import SIGNED_IN, open_to_all, require
from penstock.api.routing import nouns
from penstock.identity.caller import Caller
from tests.api.serving import Api, lines, noun, serving
from tests.databases import Database


def unopened() -> NoReturn:
    """Stand where an opener is wanted that is never called."""
    raise AssertionError


def made_with(router: APIRouter) -> None:
    """Make an app with these routes."""
    create_app(unopened, [noun(router)])


async def nothing() -> None:
    """Answer nothing."""


def test_a_route_says_who_may_call_it() -> None:
    """T5: deny by default: a route that says nothing of who may call it cannot be added."""
    with pytest.raises(TypeError, match="who may call it"):
        nouns("thing").add_api_route("/things", nothing)


def test_a_route_does_not_say_both() -> None:
    """T5: open to all and behind a scope contradict one another."""

    async def both(caller: Annotated[Caller, require("read")]) -> None:
        """Answer nothing."""

    with pytest.raises(TypeError, match="who may call it"):
        nouns("thing").add_api_route("/things", both, dependencies=[open_to_all("why not")])


def test_a_router_of_another_make_is_refused() -> None:
    """T5: routes that did not go through the guard cannot be smuggled in."""
    router = APIRouter()
    router.add_api_route("/v1/things", nothing, dependencies=[open_to_all("it tries")])
    with pytest.raises(TypeError, match="guarded"):
        made_with(router)


def test_a_scope_must_exist() -> None:
    """T5: a slip of the pen in a scope's name is an error before anything is served."""
    with pytest.raises(ValueError, match="raed"):
        require("raed")


def test_a_route_does_not_block() -> None:
    """A plain function would run in a pool of forty threads that is not ours."""

    def blocking(caller: SIGNED_IN) -> None:
        """Answer nothing."""

    with pytest.raises(TypeError, match="async def"):
        nouns("thing").add_api_route("/things", blocking)


def test_nor_does_what_it_depends_on() -> None:
    """The same goes for what a route depends on."""

    def blocking() -> int:
        return 1

    async def route(caller: SIGNED_IN, one: Annotated[int, Depends(blocking)]) -> None:
        """Answer nothing."""

    with pytest.raises(TypeError, match="async def"):
        nouns("thing").add_api_route("/things", route)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/docs", 200),
        ("GET", "/docs/start.js", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/v1/me", 401),
        ("GET", "/nowhere", 404),
        ("GET", "/v1/me/", 404),
        ("PUT", "/v1/me", 405),
        ("OPTIONS", "/v1/me", 405),
        ("POST", "/token", 415),
        ("GET", "/setup?link=x", 404),
        ("GET", "/setup?lnik=x", 422),
    ],
)
def test_every_answer_has_its_headers(sqlite_api: Api, method: str, path: str, status: int) -> None:
    """W3: whatever is asked, the answer cannot be framed, sniffed or run, and has a request id."""
    answer = sqlite_api.client.request(method, path)
    assert answer.status_code == status
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])
    assert "access-control-allow-origin" not in answer.headers
    if not path.startswith("/docs/"):
        assert answer.headers["cache-control"] == "no-store"
    if status >= 400 and not path.startswith("/setup?link"):
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == status
        assert problem["type"].startswith("urn:penstock:problem:")
        assert problem["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("asked", ["abc-123", "A" * 64])
def test_a_request_id_of_yours_is_kept(sqlite_api: Api, asked: str) -> None:
    """A caller may name the request, and finds the name in the answer."""
    answer = sqlite_api.client.get("/healthz", headers={"X-Request-ID": asked})
    assert answer.headers["x-request-id"] == asked


@pytest.mark.parametrize("asked", ["", "a b", "a\tb", '{"a":1}', "A" * 65, "\u001b[31m", "é"])
def test_other_request_ids_are_replaced(sqlite_api: Api, asked: str) -> None:
    """X4: nothing that could forge a log line or a header gets in as a request id."""
    answer = sqlite_api.client.get("/healthz", headers=[(b"X-Request-ID", asked.encode())])
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


def test_405_names_every_method(sqlite_api: Api) -> None:
    """RFC 9110 §15.5.6: Allow lists the methods of all routes at an address, not of one."""
    router = nouns("thing")

    @router.get("/things")
    async def read(caller: SIGNED_IN) -> None:
        """Read."""

    @router.post("/things")
    async def write(caller: SIGNED_IN) -> None:
        """Write."""

    settings = sqlite_api.penstock.settings
    with serving(settings.database_url, settings.home, (noun(router),)) as api:
        answer = api.client.delete("/v1/things")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST"


def test_405_names_no_method_of_another_address(sqlite_api: Api) -> None:
    """RFC 9110 §15.5.6: an address that is written out is no value of another's parameter."""
    answer = sqlite_api.client.options("/v1/quarantine/retry")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_fault_of_ours_is_a_problem_without_its_insides(sqlite_api: Api) -> None:
    """An error that nobody foresaw leaves as a problem with a request id, and tells nothing."""
    router = nouns("thing")

    @router.get("/things", dependencies=[open_to_all("a test")])
    async def broken() -> None:
        """Fail."""
        raise RuntimeError("the password is sesame")

    settings = sqlite_api.penstock.settings
    with serving(settings.database_url, settings.home, (noun(router),)) as api:
        answer = api.client.get("/v1/things")
    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:penstock:problem:internal"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "sesame" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_half_an_answer_is_not_ended_well(sqlite_api: Api) -> None:
    """An error in the middle of an answer breaks it off: nobody takes a half for the whole."""
    router = nouns("thing")

    async def torn() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError("torn")

    @router.get("/things", dependencies=[open_to_all("a test")])
    async def broken() -> Response:
        """Fail half-way."""
        return StreamingResponse(torn())

    settings = sqlite_api.penstock.settings
    with (
        serving(settings.database_url, settings.home, (noun(router),)) as api,
        pytest.raises(RuntimeError, match="torn"),
    ):
        api.client.get("/v1/things")


def test_the_log_has_no_query_strings(sqlite_api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """K3: a line for each answer, on one line, without what stands behind the question mark."""
    with caplog.at_level(logging.INFO):
        sqlite_api.client.get("/setup?link=canary-in-the-query")
        sqlite_api.client.get("/nowhere%0Aforged?x=canary-in-the-query")
    assert [(line["event"], line["path"], line["status"]) for line in lines(caplog)] == [
        ("request_answered", "/setup", 404),
        ("request_answered", "/nowhere?forged", 404),
    ]
    assert "canary" not in repr(lines(caplog))


def test_every_log_line_has_the_request_id(
    sqlite_api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a request causes to be logged carries the id that its answer has."""
    with caplog.at_level(logging.INFO):
        answer = sqlite_api.signed_in().post("/v1/sign-out", headers={"X-Request-ID": "mine"})
    assert answer.headers["x-request-id"] == "mine"
    caused = [line for line in lines(caplog) if line.get("request_id") == "mine"]
    assert {line["event"] for line in caused} == {"session_ended", "request_answered"}


def test_https_is_for_ever(sqlite_database: Database, tmp_path: Path) -> None:
    """W3: who reaches us by HTTPS is told to come by HTTPS only; by plain HTTP nobody is."""
    with serving(sqlite_database.url, tmp_path) as api:
        assert "strict-transport-security" not in api.client.get("/healthz").headers
    with serving(sqlite_database.url, tmp_path, public_url="https://penstock.example/") as api:
        assert "strict-transport-security" in api.client.get("/healthz").headers


def test_the_documentation_needs_nobody_else(sqlite_api: Api) -> None:
    """The page and all that it loads comes from us, and its policy allows nothing else."""
    page = sqlite_api.client.get("/docs")
    loaded = re.findall(r'(?:src|href)="(?!data:)([^"]+)"', page.text)
    assert len(loaded) == 3
    for address in loaded:
        assert "//" not in address
        answer = sqlite_api.client.get(f"/{address}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].partition(";")[0] in {"text/css", "text/javascript"}
    assert "<script>" not in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_the_document_shows_how_to_sign_in(sqlite_api: Api) -> None:
    """The Authorize button finds the password flow, its address and every scope."""
    document = sqlite_api.client.get("/openapi.json").json()
    flow = document["components"]["securitySchemes"]["OAuth2"]["flows"]["password"]
    assert flow["tokenUrl"] == "/token"
    assert set(flow["scopes"]) == {"read", "write", "connect", "sync", "quotes", "admin"}
    assert document["paths"]["/v1/me"]["get"]["security"] == [{"OAuth2": ["read"]}]


def test_the_document_tells_of_problems(sqlite_api: Api) -> None:
    """Every error of every `/v1` route is described as what it is: a problem."""
    document = sqlite_api.client.get("/openapi.json").json()
    assert "HTTPValidationError" not in json.dumps(document)
    for path, routes in document["paths"].items():
        for method, route in routes.items():
            if not path.startswith("/v1"):
                continue
            assert {"400", "401", "403", "422"} <= route["responses"].keys(), (method, path)
            assert ("404" in route["responses"]) >= ("{" in path), (method, path)
            for status, answer in route["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], (method, path)
