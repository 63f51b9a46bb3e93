"""Asking the API: what its answers mean, and how its lists are read."""

import asyncio
from pathlib import Path

import httpx2
import pytest

from penstock.cli.client import user_agent
from penstock.cli.failure import Failed
from tests.cli.pretending import HERE, Fixed, Server, client, refusal, stored


def test_refusals_are_put_into_words(tmp_path: Path) -> None:
    """A problem's detail and remedy reach the person; its status decides the exit code."""
    expected = {404: 1, 403: 1, 409: 1, 422: 2, 429: 1, 502: 1}
    stored(tmp_path)
    for status, code in expected.items():
        server = Fixed(refusal(status, "x", "What happened."))
        with pytest.raises(Failed, match="What happened") as failed:
            asyncio.run(client(tmp_path, server).get("/v1/me"))
        assert failed.value.exit_code == code


def test_another_kind_of_server_is_noticed(tmp_path: Path) -> None:
    """An HTML page says that PENSTOCK_URL may be wrong, and is not shown."""
    stored(tmp_path)
    page = httpx2.Response(502, text="<h1>Bad gateway</h1>")
    with pytest.raises(Failed) as failed:
        asyncio.run(client(tmp_path, Fixed(page)).get("/v1/me"))
    assert "PENSTOCK_URL" in failed.value.remedy
    assert "<h1>" not in failed.value.message


@pytest.mark.parametrize("body", ["<h1>Welcome</h1>", "[]", '"ok"'])
def test_a_page_that_answers_well_is_no_answer(tmp_path: Path, body: str) -> None:
    """A 200 of somebody else's is told from a bug of ours, when signing in too."""
    stored(tmp_path)
    asked = client(tmp_path, Fixed(httpx2.Response(200, text=body)))
    with pytest.raises(Failed) as failed:
        asyncio.run(asked.get("/v1/me"))
    assert "PENSTOCK_URL" in failed.value.remedy
    for text in (body, "{}"):
        asked = client(tmp_path, Fixed(httpx2.Response(200, text=text)))
        with pytest.raises(Failed) as failed:
            asyncio.run(asked.access.sign_in("ada", "right"))
        assert "PENSTOCK_URL" in failed.value.remedy


def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    """No answer at all names the address, and what to look at."""

    def refused(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("Connection refused", request=request)

    stored(tmp_path)
    with pytest.raises(Failed) as failed:
        asyncio.run(client(tmp_path, refused).get("/v1/me"))
    assert HERE in failed.value.message
    assert "penstock serve" in failed.value.remedy


def test_pages_are_followed_to_the_end(tmp_path: Path) -> None:
    """A list is read page by page, all of it or as many rows as were asked for."""
    asked = []

    def pages(request: httpx2.Request) -> httpx2.Response:
        asked.append(dict(request.url.params))
        first = int(request.url.params.get("cursor", "0"))
        last = min(first + int(request.url.params["limit"]), 1200)
        rows = [{"n": n} for n in range(first, last)]
        cursor = str(last) if last < 1200 else None
        return httpx2.Response(200, json={"rows": rows, "next_cursor": cursor})

    async def count(limit: int | None) -> int:
        rows = client(tmp_path, pages).pages("/v1/x", {"text": "a", "no": None}, limit=limit)
        return len([row async for row in rows])

    stored(tmp_path)
    assert asyncio.run(count(None)) == 1200
    assert asyncio.run(count(501)) == 501
    assert asyncio.run(count(0)) == 0
    assert asked[0] == {"text": "a", "limit": "500"}
    assert [one["limit"] for one in asked] == ["500", "500", "500", "500", "1"]


def test_a_post_is_sent_with_a_key_of_its_own(tmp_path: Path) -> None:
    """Each POST has its Idempotency-Key, and a repeated one has the same."""
    keys = []

    def once(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/token":
            return Server()(request)
        keys.append(request.headers["idempotency-key"])
        return refusal(401, "x", "no") if len(keys) == 1 else httpx2.Response(202, json={})

    stored(tmp_path)

    async def run() -> None:
        asking = client(tmp_path, once)
        await asking.post("/v1/syncs")
        await asking.post("/v1/syncs")

    asyncio.run(run())
    assert keys[0] == keys[1]
    assert keys[2] != keys[0]


def test_the_machine_is_named() -> None:
    """C5: who is asked to let us in reads from which machine; no name breaks the header."""
    assert user_agent("anns-laptop") == "penstock (anns-laptop)"
    assert user_agent("büro\r\nX: 1") == "penstock (broX1)"
    assert user_agent("") == "penstock"
