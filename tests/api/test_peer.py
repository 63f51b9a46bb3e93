"""Who is at the other end."""

from typing import Any

import pytest

from penstock.api.peer import client_address, is_encrypted, is_this_machine, read_proxies
from penstock.domain.errors import InvalidInput

PROXY = read_proxies(["10.0.0.0/8", "2001:db8::1"])


def scope(peer: str | None, *headers: tuple[str, str], scheme: str = "http") -> dict[str, Any]:
    """Return an ASGI scope."""
    return {
        "type": "http",
        "scheme": scheme,
        "client": (peer, 1234) if peer is not None else None,
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.7", None, "192.0.2.7"),
        ("192.0.2.7", "198.51.100.1", "192.0.2.7"),
        ("10.1.2.3", None, "10.1.2.3"),
        ("10.1.2.3", "198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "203.0.113.66, 198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.1.2.3", "10.9.9.9", "10.9.9.9"),
        ("10.1.2.3", "203.0.113.66, 198.51.100.1:5678", "198.51.100.1"),
        ("10.1.2.3", "[2001:db8:ffff::9]:443", "2001:db8:ffff::9"),
        ("10.1.2.3", "[2001:db8:ffff::9]", "2001:db8:ffff::9"),
        ("10.1.2.3", "198.51.100.1:", "10.1.2.3"),
        ("10.1.2.3", "nonsense", "10.1.2.3"),
        ("10.1.2.3", "198.51.100.1, nonsense", "10.1.2.3"),
        ("10.1.2.3", "", "10.1.2.3"),
        ("2001:db8::1", "2001:db8:ffff::9", "2001:db8:ffff::9"),
        ("::ffff:192.0.2.7", None, "192.0.2.7"),
        (None, "198.51.100.1", "unknown"),
        ("testclient", "198.51.100.1", "unknown"),
    ],
)
def test_forwarded_addresses(peer: str | None, forwarded: str | None, address: str) -> None:
    """L4: a forwarded address counts only from a named proxy, read from the right."""
    headers = [] if forwarded is None else [("x-forwarded-for", forwarded)]
    assert client_address(scope(peer, *headers), PROXY) == address


@pytest.mark.parametrize("word", ["", "proxy.example", "10.0.0.0/33", "10.0.0", "*"])
def test_other_words_for_a_proxy_are_refused(word: str) -> None:
    """A proxy that cannot be told from a client is an error before anything is served."""
    with pytest.raises(InvalidInput, match="PENSTOCK_TRUSTED_PROXIES"):
        read_proxies(["10.0.0.1", word])


def test_several_headers_are_one_list() -> None:
    """A client's own header before the proxy's is only the left end of the list."""
    headers = [("x-forwarded-for", "203.0.113.66"), ("x-forwarded-for", "198.51.100.1")]
    assert client_address(scope("10.1.2.3", *headers), PROXY) == "198.51.100.1"


@pytest.mark.parametrize(
    ("peer", "told", "scheme", "encrypted"),
    [
        ("192.0.2.7", None, "https", True),
        ("192.0.2.7", "https", "http", False),
        ("10.1.2.3", "https", "http", True),
        ("10.1.2.3", "http", "https", False),
        ("10.1.2.3", None, "http", False),
    ],
)
def test_forwarded_schemes(peer: str, told: str | None, scheme: str, *, encrypted: bool) -> None:
    """Whether it is HTTPS is likewise the word of a named proxy only."""
    headers = [] if told is None else [("x-forwarded-proto", told)]
    assert is_encrypted(scope_of(peer, headers, scheme), PROXY) is encrypted


def scope_of(peer: str, headers: list[tuple[str, str]], scheme: str) -> dict[str, Any]:
    """Return an ASGI scope with a scheme."""
    return scope(peer, *headers, scheme=scheme)


@pytest.mark.parametrize(
    ("peer", "header", "here"),
    [
        ("127.0.0.1", None, True),
        ("::1", None, True),
        ("192.0.2.7", None, False),
        ("127.0.0.1", "x-forwarded-for", False),
        ("127.0.0.1", "forwarded", False),
        ("127.0.0.1", "via", False),
        (None, None, False),
    ],
)
def test_this_machine(peer: str | None, header: str | None, *, here: bool) -> None:
    """What a proxy on this machine passes on is not from this machine."""
    headers = [] if header is None else [(header, "198.51.100.1")]
    assert is_this_machine(scope(peer, *headers)) is here
