"""Where we are willing to connect to (X2)."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import DestinationRefused, InvalidInput
from penstock.outbound.destination import (
    Destinations,
    Refused,
    is_nearby,
    is_public,
    open_named,
    open_public,
)

PUBLIC = ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
INSIDE = [
    "0.0.0.0",  # noqa: S104 - nothing is bound
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::101:101",
    "100::1",
    "2001::1",
    "2001:2::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:101:101::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%lo",
    "2606:4700:4700::1111%eth0",
    "fec0::1",
    "ff02::1",
    "",
    "localhost",
    "0x7f.0.0.1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_public(address: str) -> None:
    """X2: what belongs to the internet may be asked, also through NAT64."""
    assert is_public(address)


@pytest.mark.parametrize("address", INSIDE)
def test_all_others_are_not(address: str) -> None:
    """X2: private, loopback, metadata, embedded, reserved: none of it is public."""
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_embedded_address_is_no_better_than_itself(inner: ipaddress.IPv4Address) -> None:
    """X2: an IPv4 address does not become public by being written as an IPv6 one."""
    number, plain = int(inner), is_public(str(inner))
    mapped = ipaddress.IPv6Address((0xFFFF << 32) | number)
    nat64 = ipaddress.IPv6Address((0x64FF9B << 96) | number)
    six_to_four = ipaddress.IPv6Address((0x2002 << 112) | (number << 80))
    compatible = ipaddress.IPv6Address(number)
    assert is_public(str(mapped)) is plain
    assert is_public(str(nat64)) is plain
    assert not is_public(str(six_to_four))
    assert not is_public(str(compatible))


@given(st.ip_addresses())
def test_what_the_standard_library_calls_private_is_not_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    """X2: the list is at least as strict as the standard library's."""
    if address.is_private or address.is_multicast or address.is_reserved or address.is_link_local:
        embedded = isinstance(address, ipaddress.IPv6Address) and (
            address.ipv4_mapped or address in ipaddress.ip_network("64:ff9b::/96")
        )
        assert embedded or not is_public(str(address))


def test_a_named_host_may_be_near_but_not_anywhere() -> None:
    """X2: what the operator names may be private, yet never link-local or a metadata address."""
    for near in ("127.0.0.1", "10.1.2.3", "192.168.0.9", "::1", "fd12::1", "::ffff:10.0.0.1"):
        assert is_nearby(near)
    for never in (
        "0.0.0.0",  # noqa: S104 - nothing is bound
        "169.254.169.254",
        "fd00:ec2::254",
        "100.100.100.200",
        "224.0.0.1",
        "fe80::1",
        "::",
    ):
        assert not is_nearby(never)


def test_the_socket_is_refused_before_it_is_made() -> None:
    """X2: the address is judged at the last moment, when the socket to it is asked for."""
    info = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
    open_public((*info, ("1.1.1.1", 443))).close()
    open_named((*info, ("127.0.0.1", 80))).close()
    with pytest.raises(Refused):
        open_public((*info, ("127.0.0.1", 443)))
    with pytest.raises(Refused):
        open_named((*info, ("169.254.169.254", 80)))


@pytest.mark.parametrize(
    "url",
    [
        "http://bank.example/",
        "https://bank.example:8443/",
        "https://bank.example:22/",
        "https://bank.example:0/",
        "https://bank.example:99999/",
        "https://bank.example:4x/",
        "ftp://bank.example/",
        "file:///etc/passwd",
        "gopher://bank.example/",
        "ws://bank.example/",
        "//bank.example/",
        "https:bank.example",
        "https:///path",
        "bank.example",
        "",
        "https://me@bank.example/",
        "https://me:word@bank.example/",
        "https://@bank.example/",
        "https://bank.example@127.0.0.1/",
        "https://bank.example\\@127.0.0.1/",
        "https://bank.example/a b",
        "https://bank.example/\r\nHost: inside",
        "https://bank.example/\t",
        "https://bank.example/\x00",
        "https://bänk.example/",
        "https://①②⑦.0.0.1/",
        "https://bank.example/\ud800",
        "https://[::1/",
        "https://[v1.x:y]/",
        "https://a<script>/",
        "https://a%2eb/",
        "https://a..b/",
        "https://bank.example/" + "a" * 9000,
    ],
)
def test_addresses_that_are_not_plain_https_are_refused(url: str) -> None:
    """X2: https, port 443, plain ASCII, nobody's name and password in it; else no question."""
    with pytest.raises(DestinationRefused):
        Destinations().check(url)


@given(st.text())
def test_no_text_makes_the_check_fail(text: str) -> None:
    """X4: any text is an address that may be asked, or is refused; nothing else happens."""
    for url in (text, f"https://{text}", f"https://bank.example{text}"):
        try:
            parsed, named = Destinations(["localhost"]).check(url)
        except DestinationRefused:
            continue
        assert parsed.host
        assert named or (parsed.scheme == "https" and parsed.port == 443)


def test_plain_https_is_not_changed() -> None:
    """An address goes out as it was written: a cursor in it is opaque."""
    text = "https://bank.example/a%2Fb?cursor=%7E%2B+%20&x"
    url, named = Destinations().check(text)
    assert str(url) == text
    assert not named


def test_only_what_the_operator_named_is_let_off() -> None:
    """X2: a host alone allows all its ports; a host with a port allows that one."""
    destinations = Destinations(["localhost:8000", "Bank.Internal", "[::1]:80", "::1"])
    for named in (
        "http://localhost:8000/x",
        "https://LOCALHOST:8000/",
        "http://bank.internal/",
        "https://bank.internal:9443/",
        "http://[::1]/",
        "http://[0:0:0:0:0:0:0:1]:81/",
    ):
        assert destinations.check(named)[1], named
    for other in (
        "http://localhost/",
        "http://localhost:8001/",
        "http://127.0.0.1:8000/",
        "http://localhost.:8000/",
        "http://x.bank.internal/",
        "http://bank.internal.example/",
        "http://me@localhost:8000/",
    ):
        with pytest.raises(DestinationRefused):
            destinations.check(other)


@pytest.mark.parametrize(
    "entry", ["", "http://x", "x/y", "x:y", "a b", "me@x", "x:99999", "[::1", "x?y", "*", "x#y"]
)
def test_an_entry_that_names_nothing_is_refused(entry: str) -> None:
    """A list that allows something else than what was meant is worse than none."""
    with pytest.raises(InvalidInput, match="host:port"):
        Destinations([entry])
