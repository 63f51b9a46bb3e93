"""Where a bank may send a person back to: nowhere that merely looks like one of ours (C1)."""

import pytest
from pydantic import AnyHttpUrl
from starlette.requests import Request

from penstock.api.redirects import choose_redirect
from penstock.domain.errors import InvalidInput

ALLOWED = ("https://app.example/back?from=bank",)


def choose(asked: str | None, *, host: str = "127.0.0.1:8321", public: str | None = None) -> str:
    """Choose for the sandbox, as a server at this host."""
    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/connections",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", host.encode())],
        "server": ("127.0.0.1", 8321),
    }
    return choose_redirect(
        asked,
        request=Request(scope),
        connector="sandbox",
        public_url=AnyHttpUrl(public) if public else None,
        allowed=ALLOWED,
    )


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:51234/callback/sandbox",
        "http://127.0.0.1:1",
        "http://127.0.0.1:65535/",
        "http://[::1]:51234/callback",
        "http://[::1]:51234/a.b/c-d_e~f/",
        "http://127.0.0.1:8321/v1/callbacks/sandbox",
        *ALLOWED,
    ],
)
def test_these_are_allowed(uri: str) -> None:
    """A program's loopback address (RFC 8252 §7.3), our own callback, the operator's addresses."""
    assert choose(uri) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "https://evil.example/",
        "http://127.0.0.1/callback",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:65536/",
        "http://127.0.0.1:080/",
        "http://127.0.0.1:51234/../x",
        "http://127.0.0.1:51234/a/../b",
        "http://127.0.0.1:51234/.hidden",
        "http://127.0.0.1:51234//evil.example",
        "http://127.0.0.1:51234/%2e%2e/x",
        "http://127.0.0.1:51234/?next=x",
        "http://127.0.0.1:51234/#x",
        "http://127.0.0.1:51234@evil.example/",
        "http://user@127.0.0.1:51234/",
        "http://127.0.0.1.evil.example:51234/",
        "http://127.0.0.1:51234\\@evil.example/",
        "http://127.0.0.1:51234/\n",
        "http://127.0.0.1:51234/ x",
        "HTTP://127.0.0.1:51234/",
        "https://127.0.0.1:51234/",
        "http://127.0.0.2:51234/",
        "http://127.1:51234/",
        "http://2130706433:51234/",
        "http://0x7f.0.0.1:51234/",
        "http://１２７.0.0.1:51234/",  # noqa: RUF001 - that is the trick
        "http://localhost:51234/",
        "http://[::ffff:127.0.0.1]:51234/",
        "http://[0:0:0:0:0:0:0:1]:51234/",
        "javascript:alert(1)",
        "//127.0.0.1:51234/",
        "https://app.example/back",
        "https://app.example/back?from=bank&more=1",
        "https://app.example/back?from=bank#x",
        "https://APP.example/back?from=bank",
        "http://127.0.0.1:8321/v1/callbacks/sandbox?x=1",
    ],
)
def test_these_are_refused(uri: str) -> None:
    """C1: dots, queries, fragments, users, case, other spellings of an address, other banks."""
    with pytest.raises(InvalidInput):
        choose(uri)


def test_our_own_callback_has_the_name_that_the_world_knows() -> None:
    """Left out, the address is ours, under PENSTOCK_PUBLIC_URL, whatever the Host header says."""
    ours = "https://money.example/hub/v1/callbacks/sandbox"
    for public in ("https://money.example/hub", "https://money.example/hub/"):
        assert choose(None, host="evil.example", public=public) == ours
        assert choose(ours, host="evil.example", public=public) == ours


def test_a_host_header_names_nobody() -> None:
    """Without a public name, only this machine's own addresses are taken from the Host header."""
    assert choose(None, host="localhost:8321") == "http://localhost:8321/v1/callbacks/sandbox"
    for host in ("evil.example", "evil.example:8321", "127.0.0.1.evil.example"):
        with pytest.raises(InvalidInput):
            choose(None, host=host)
        with pytest.raises(InvalidInput):
            choose(f"http://{host}/v1/callbacks/sandbox", host=host)
