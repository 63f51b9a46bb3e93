"""C1: people are sent back to a registered address, letter by letter, and nowhere else."""

from urllib.parse import urlencode

import pytest

from tests.api.serving import Api
from tests.security.programs import BACK, Program, browser, looking, register, told

TRICKS = [
    "https://budget.example/callback/",
    "https://budget.example/callback/..",
    "https://budget.example/callback/../evil",
    "https://budget.example/x/../callback",
    "https://budget.example//callback",
    "https://budget.example/callback?x=1",
    "https://budget.example/callback?",
    "https://budget.example/callback#",
    "https://budget.example/callback#x",
    "https://budget.example/call%62ack",
    "https://budget.example/%2e%2e/callback",
    "https://budget.example/callback%00",
    "https://budget.example/callback%0d%0aSet-Cookie:x=1",
    "https://budget.example/callback\\..\\evil",
    "https://budget.example/Callback",
    "https://Budget.example/callback",
    "HTTPS://budget.example/callback",
    "https://budget.example./callback",
    "https://budget.example:443/callback",
    "https://budget.example:8443/callback",
    "https://user@budget.example/callback",
    "https://budget.example@evil.example/callback",
    "https://budget.example:x@evil.example/callback",
    "https://evil.example/?https://budget.example/callback",
    "https://evil.example\\@budget.example/callback",
    "https://budget.example.evil.example/callback",
    "https://evilbudget.example/callback",
    "https://sub.budget.example/callback",
    "https://budget\u3002example/callback",
    "https://budget.ex\u0430mple/callback",
    "https://xn--budget-.example/callback",
    "http://budget.example/callback",
    "//budget.example/callback",
    "/callback",
    "budget.example/callback",
    "javascript:alert(1)//https://budget.example/callback",
    "data:text/html,https://budget.example/callback",
    " https://budget.example/callback",
    "https://budget.example/callback ",
    "https://budget.example/callback\thttps://evil.example",
    "http://127.0.0.1:8080/callback",
    "urn:ietf:wg:oauth:2.0:oob",
    "*",
    "https://*/callback",
]


@pytest.fixture
def trusting(sqlite_server: Api) -> tuple[Api, Program]:
    """Return a server, and a program that is registered there with the one address."""
    return sqlite_server, register(sqlite_server)


def test_no_trick_leads_anywhere(trusting: tuple[Api, Program]) -> None:
    """C1: whatever is not the registered text is 400 on a page, without a Location, to anybody."""
    api, program = trusting
    for visitor in (browser(api), looking(api)):
        for trick in TRICKS:
            answer = visitor.get("/authorize", params=program.request(redirect_uri=trick))
            assert answer.status_code == 400, trick
            assert "location" not in answer.headers, trick
            assert "evil" not in answer.text, trick
            assert answer.headers["content-type"].startswith("text/html"), trick


def test_the_address_itself_is_taken(trusting: tuple[Api, Program]) -> None:
    """The list above proves something: the one registered address is taken."""
    api, program = trusting
    assert browser(api).get("/authorize", params=program.request()).status_code == 200


@pytest.mark.parametrize(
    "other",
    [
        {"redirect_uri": None},
        {"redirect_uri": ""},
        {"client_id": None},
        {"client_id": ""},
        {"client_id": "app_AAAAAAAAAAAAAAAA"},
        {"client_id": "penstock"},
        {"client_id": "app_' OR 1=1 --"},
        {"client_id": "\u0440enstock"},
    ],
    ids=str,
)
def test_a_program_in_doubt_gets_nobody(
    trusting: tuple[Api, Program], other: dict[str, str | None]
) -> None:
    """C1: an unknown program, another one's address, or none at all: 400 and no Location."""
    api, program = trusting
    answer = browser(api).get("/authorize", params=program.request(**other))
    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
@pytest.mark.parametrize("value", ["https://evil.example/", "app_AAAAAAAAAAAAAAAA"])
def test_two_of_them_are_none(trusting: tuple[Api, Program], name: str, value: str) -> None:
    """C1: an address or a program that stands twice is none, whichever of the two comes first."""
    api, program = trusting
    good = list(program.request().items())
    for pairs in ([*good, (name, value)], [(name, value), *good], [*good, (name, BACK)]):
        answer = browser(api).get(f"/authorize?{urlencode(pairs)}")
        assert answer.status_code == 400
        assert "location" not in answer.headers


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_a_loopback_port_is_the_programs_own(sqlite_server: Api, host: str) -> None:
    """RFC 8252 §7.3: of a native program any port is taken, and nothing else may differ."""
    person = browser(sqlite_server)
    ours = Program("penstock", redirect_uri=f"http://{host}:50123/callback")
    assert person.get("/authorize", params=ours.request()).status_code == 200
    for trick in (
        f"http://{host}:0/callback",
        f"http://{host}:65536/callback",
        f"http://{host}:99999999999999999999/callback",
        f"http://{host}:x/callback",
        f"http://{host}:1/callback/",
        f"http://{host}:1/callback?x",
        f"http://{host}:1/other",
        f"http://{host}:1@evil.example/callback",
        f"http://{host}.evil.example:1/callback",
        f"https://{host}:1/callback",
        "http://localhost:1/callback",
        "http://127.1:1/callback",
        "http://2130706433:1/callback",
        "http://[::ffff:127.0.0.1]:1/callback",
        "http://0.0.0.0:1/callback",
    ):
        answer = person.get("/authorize", params=ours.request(redirect_uri=trick))
        assert answer.status_code == 400, trick
        assert "location" not in answer.headers


def test_a_program_with_a_secret_has_its_port(sqlite_server: Api) -> None:
    """The exception is for programs on people's machines: those with a secret are elsewhere."""
    program = register(
        sqlite_server, redirect_uris=["http://127.0.0.1:7000/back"], confidential=True
    )
    person = browser(sqlite_server)
    assert person.get("/authorize", params=program.request()).status_code == 200
    other = program.request(redirect_uri="http://127.0.0.1:7001/back")
    assert person.get("/authorize", params=other).status_code == 400


@pytest.mark.parametrize(
    "uri",
    [
        *(one for one in TRICKS if not one.startswith(("https://", "http://127")) or "%" in one),
        "https://budget.example/a/../b",
        "https://budget.example/.",
        "https://user@budget.example/",
        "https://budget.example/#",
        "https://BUDGET.example/",
        "https://*.budget.example/",
        "https://budget.example:65536/",
        "http://localhost/callback",
        "ftp://budget.example/",
        "app:/callback",
        f"https://budget.example/{'a' * 500}",
    ],
)
def test_only_plain_addresses_are_registered(sqlite_server: Api, uri: str) -> None:
    """C1: what could be spelt in two ways, or leads to just anybody, is not registered."""
    register(sqlite_server)
    body = {"name": "Evil", "redirect_uris": [uri]}
    assert sqlite_server.signed_in("root").post("/v1/clients", json=body).status_code == 422


@pytest.mark.parametrize(
    "uri",
    ["https://a.example", "https://a.example:8443/b?c=d", "com.example.app:/back", "http://[::1]/"],
)
def test_an_answer_is_added_to_the_address(sqlite_server: Api, uri: str) -> None:
    """RFC 6749 §3.1.2: a query that was registered stays, and the answer is added to it."""
    program = register(sqlite_server, redirect_uris=[uri])
    answer = browser(sqlite_server).get("/authorize", params=program.request(scope="nonsense"))
    assert answer.headers["location"].startswith(uri + ("&" if "?" in uri else "?"))
    assert told(answer)["error"] == "invalid_scope"
