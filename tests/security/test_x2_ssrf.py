"""X2: nothing that a person or a bank says makes us ask an address of our own network.

Every request leaves through `outbound.client.Outbound` (import contract "Only outbound … speak
HTTP"), whose guard judges the address of each socket when it is made. These say where it goes:

- a person: the setup token of SimpleFIN, which holds the address that claims it; the symbol of a
  price, which stands in a source's address; a bank's name, which stands in a search
- a provider: SimpleFIN's Access URL; links to the next page, to an account, to a consent (Berlin
  Group, Up, MX, Enable Banking, Starling); redirects; endpoints in OAuth metadata; the name of a
  webhook's key (Plaid)
- the name server of any of them: what a name leads to, at each question anew
- the operator: PENSTOCK_SANDBOX_URL, addresses of providers, PENSTOCK_LOOPBACK_PROVIDERS: these
  hosts, named, and no others, may be near. Addresses of notices go to Apprise as they are.

Never asked by us, and so no matter of the guard: a redirect_uri and a bank's page of consent, to
which a browser is sent (redirects.py), and PENSTOCK_PUBLIC_URL, which providers are told.
"""

import asyncio
import base64
import socket
from dataclasses import replace
from typing import Final

import pytest

from penstock.connectors.simplefin_access import claim_address, read_access
from penstock.domain.errors import ContractBroken, DestinationRefused, InvalidInput
from penstock.domain.request import Request
from penstock.domain.secret import Secret
from penstock.outbound.client import Outbound
from penstock.quotes.catalogue import all_sources
from tests.api.serving import Api
from tests.connectors.recording import recorded
from tests.connectors.test_every_connector import NAMES
from tests.outbound.servers import Names, ok, saying, serving

HOSTS: Final = (
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0x7f.0.0.1",
    "0177.0.0.1", "017700000001", "00000177.0.0.1", "127.0.0.1.", "0", "0.0.0.0", "0x0",  # noqa: S104 - nothing is bound
    "10.0.0.1", "100.64.0.1", "100.100.100.200", "168.63.129.16", "169.254.169.254", "2852039166",
    "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "172.16.0.1", "192.0.0.8", "192.0.0.192",
    "192.168.0.1", "192.88.99.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "[::]", "[::1]", "[::127.0.0.1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[::ffff:169.254.169.254]", "[0:0:0:0:0:ffff:a9fe:a9fe]", "[64:ff9b::7f00:1]",
    "[64:ff9b::169.254.169.254]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]",
    "[2001:0:7f00:1::]", "[2001::1]", "[fec0::1]", "[fe80::1]", "[fe80::1%25lo]", "[fc00::1]",
    "[fd00:ec2::254]", "[ff02::1]", "[100::1]", "localhost", "localhost.", "LOCALHOST",
)  # fmt: skip
"""Ways to write an address that is not of the public internet."""

SPELLINGS: Final = (
    "http://bank.example/", "https://bank.example:8443/", "https://bank.example:22/",
    "https://bank.example:0/", "https://bank.example:65536/", "https://user@bank.example/",
    "https://user:word@bank.example/", "https://bank.example@127.0.0.1/",
    "https://127.0.0.1@bank.example/", "https://bank.example\\@127.0.0.1/",
    "https://bank.example#@127.0.0.1/\n", "https:bank.example/", "https:///bank.example/",
    "//bank.example/",
    "/v1", "", " https://bank.example/", "https://bank.example/\r\nHost: x", "https://bank.example/\t",
    "file:///etc/passwd", "gopher://bank.example/", "ftp://bank.example/", "unix:///run/docker.sock",
    "data:text/plain,x", "javascript:1", "dict://bank.example:11211/", "ws://bank.example/",
    "https://①②⑦.⓪.⓪.①/", "https://127。0。0。1/", "https://\uff11\uff12\uff17.0.0.1/", "https://ⓛocalhost/",
    "https://bank.example%00/", "https://[::1/", "https://[127.0.0.1]/", "https://bank..example/",
    "https://%31%32%37.0.0.1/", "https://bank.example%2f@127.0.0.1/",
)  # fmt: skip
"""Addresses that are refused for how they are written, wherever they lead."""


def refused(url: str, names: Names | None = None, *allow: str) -> None:
    """See that an address is refused, and not for want of anybody there."""

    async def story() -> None:
        async with Outbound(allow=allow, resolver=names, deadline=5) as outbound:
            with pytest.raises(DestinationRefused):
                await outbound.send(Request("GET", url))

    asyncio.run(story())


def as_resolved(host: str) -> str:
    """Return the address that a resolver makes of a host that is no literal address."""
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return "127.0.0.1"


@pytest.mark.parametrize("host", HOSTS)
def test_no_spelling_leads_inside(host: str) -> None:
    """X2: decimal, hex, octal, short; mapped, NAT64, 6to4, Teredo; metadata: none is connected to.

    What is no literal address is read as a system's resolver reads it (inet_aton).
    """
    names = Names([(as_resolved(host), 443)])
    refused(f"https://{host}/", names)
    refused(f"https://{host}:443/latest/meta-data/", names)


@pytest.mark.parametrize("url", SPELLINGS)
def test_odd_addresses_are_not_even_looked_up(url: str) -> None:
    """X2: userinfo, other schemes and ports, unicode digits, what parsers disagree about."""
    names = Names([("127.0.0.1", 9)])
    refused(url, names)
    assert names.asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    """X2: an answer that sends us on is an answer, and nobody is asked for it."""

    async def story() -> None:
        async with serving(saying(ok(b"inside"))) as inside:
            head = f"HTTP/1.1 {status} X\r\nLocation: {inside.url}/\r\nContent-Length: 0\r\n\r\n"
            async with serving(saying(head.encode())) as bank:
                async with Outbound(allow=[bank.named, inside.named]) as outbound:
                    answer = await outbound.send(Request("GET", f"{bank.url}/"))
                assert answer.status == status
            assert inside.heard == []

    asyncio.run(story())


def test_the_address_that_is_judged_is_the_one_that_is_asked() -> None:
    """X2: rebinding: a name is looked up once a connection, and its answer judged and connected."""

    async def story() -> None:
        async with serving(saying(ok(b"inside"))) as inside:
            for there in ("127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254"):
                names = Names([(there, inside.port)], [("93.184.216.34", 443)])
                async with Outbound(resolver=names, deadline=5) as outbound:
                    with pytest.raises(DestinationRefused):
                        await outbound.send(Request("GET", "https://bank.example/"))
                assert names.asked == ["bank.example"]
            assert inside.heard == []

    asyncio.run(story())


def test_what_the_operator_allows_is_that_host_and_no_other() -> None:
    """X2: loopback only where it was named, by the name that was named, at that port."""

    async def story() -> None:
        async with serving(saying(ok(b"sandbox"))) as sandbox, serving(saying(ok(b"x"))) as other:
            async with Outbound(allow=[sandbox.named], deadline=5) as outbound:
                assert (await outbound.send(Request("GET", sandbox.url))).body == b"sandbox"
                for url in (other.url, sandbox.url.replace("127.0.0.1", "127.1")):
                    with pytest.raises(DestinationRefused):
                        await outbound.send(Request("GET", url))
            assert other.heard == []

    asyncio.run(story())


@pytest.mark.parametrize("there", ["169.254.169.254", "fd00:ec2::254", "0.0.0.0", "fe80::1"])  # noqa: S104 - nothing is bound
def test_not_even_a_named_host_leads_to_the_worst(there: str) -> None:
    """X2: where clouds hand out credentials nobody is sent, the operator's own names neither."""
    refused("http://bank.internal/", Names([(there, 80)]), "bank.internal")


BRIDGES: Final = ("https://bridge.simplefin.org/simplefin",)


@pytest.mark.parametrize(
    "url", [f"https://{host}/simplefin/claim/x" for host in HOSTS] + [*SPELLINGS]
)
def test_a_setup_token_leads_to_the_bridge_only(url: str) -> None:
    """X2: what a person pastes as SimpleFIN's token, and what the bridge answers it with."""
    pasted = Secret(base64.b64encode(url.encode()).decode())
    with pytest.raises(InvalidInput):
        claim_address(pasted, BRIDGES)
    with pytest.raises(ContractBroken):
        read_access(url.replace("://", "://name:word@", 1), BRIDGES)


def test_a_setup_token_is_refused_at_the_door(sqlite_api: Api) -> None:
    """X2: the same through the API: 422, before anybody is asked."""
    client = sqlite_api.signed_in()
    for host in ("169.254.169.254", "127.0.0.1:5432", "bridge.simplefin.org.evil.example"):
        token = base64.b64encode(f"https://{host}/simplefin/claim/x".encode()).decode()
        answer = client.post("/v1/connections", json={"connector": "simplefin", "token": token})
        assert answer.status_code == 422, answer.text
        assert host not in answer.text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "url", ["https://169.254.169.254/", "http://[::1]:5432/", "//evil.example/"]
)
def test_no_connector_signs_what_leads_elsewhere(name: str, url: str) -> None:
    """X2: a link that a provider gives, to a next page say, takes no token to another host."""
    recording = recorded(name)
    for request in recording.requests[:3]:
        with pytest.raises(ContractBroken):
            recording.connector.sign(replace(request, url=url), recording.credentials)


@pytest.mark.parametrize(
    "symbol", ["@127.0.0.1/", "../../x", "%2e%2e/", "a?b#c", "\r\nHost: x", "//x"]
)
def test_a_symbol_stays_where_it_belongs(sqlite_api: Api, symbol: str) -> None:
    """X2: what is asked for a price of does not change whom we ask."""
    assert all_sources()
    answer = sqlite_api.signed_in().get("/v1/quotes", params={"symbols": symbol})
    assert answer.status_code in {200, 400, 422}, answer.text
    assert "127.0.0.1" not in str(answer.headers)
