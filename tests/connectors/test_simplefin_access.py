"""Where SimpleFIN's tokens may lead, and that what is in an Access URL stays out of sight."""

from base64 import b64decode, b64encode, urlsafe_b64encode

import pytest

from penstock.connectors.simplefin import BRIDGES, SimpleFIN
from penstock.connectors.simplefin_access import HERE, claim_address, is_below, read_access
from penstock.domain.consent import Credentials
from penstock.domain.errors import ContractBroken, InvalidInput, OAuthError, OAuthUnavailable
from penstock.domain.link_plan import Granted, TokenPlan
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from tests.connectors.simplefin_samples import ACCESS, BRIDGE, CLAIM, token

ELSEWHERE = [
    "https://elsewhere.example/simplefin/claim/x",
    "https://bridge.simplefin.org.elsewhere.example/claim/x",
    "https://bridge.simplefin.org@elsewhere.example/claim/x",
    "https://elsewhere.example/https://bridge.simplefin.org/claim/x",
    "http://bridge.simplefin.org/simplefin/claim/x",
    "https://bridge.simplefin.org:8443/claim/x",
    "https://bridge.simplefin.org\\@elsewhere.example/claim/x",
    "https://169.254.169.254/latest/meta-data",
    "https://127.0.0.1/simplefin/claim/x",
    "https://localhost/simplefin/claim/x",
    "https://[::1]/claim/x",
    "https://bridge.simplefin.org/claim/x\r\nHost: elsewhere.example",
    "https://bridge.simplefin.org/claim/../../admin",
    "https://bridge.simplefin.org/claim/%2e%2e/admin",
    "https://bridge.simplefin.org/claim/x?y=1",
    "https://bridge.simplefin.org/claim/x#y",
]


@pytest.mark.parametrize("address", ELSEWHERE)
def test_a_token_that_leads_elsewhere_is_refused_before_anything_is_sent(address: str) -> None:
    """X2: whoever hands a person a token cannot send us anywhere, in our own network or out."""
    plan = SimpleFIN().link_plans[0]
    assert isinstance(plan, TokenPlan)
    assert plan.claim is not None
    with pytest.raises(InvalidInput, match="another place"):
        next(plan.claim(token(address)))


@pytest.mark.parametrize("address", ELSEWHERE)
def test_an_access_url_that_leads_elsewhere_is_refused(address: str) -> None:
    """X2: the bridge's own answer is somebody's word too, and is not stored."""
    scheme, _, rest = address.partition("://")
    with pytest.raises(ContractBroken):
        read_access(f"{scheme}://canary-name:canary-password@{rest}", BRIDGES)


@pytest.mark.parametrize(
    "pasted",
    ["x", "up:yeah:token", "====", "aGVsbG8=", b64encode("https://é".encode()).decode(), ACCESS],
)
def test_what_is_no_setup_token_is_refused(pasted: str) -> None:
    """Another bank's token, half of one, an Access URL: said so, and nothing is sent."""
    with pytest.raises(InvalidInput, match="no SimpleFIN setup token") as caught:
        claim_address(Secret(pasted), BRIDGES)
    assert "canary" not in f"{caught.value}{caught.value.remedy}"


@pytest.mark.parametrize("bridge", BRIDGES)
def test_a_token_of_either_bridge_is_taken(bridge: str) -> None:
    """In any of the alphabets of base64, with padding or without."""
    address = f"{bridge}/simplefin/claim/a?b".replace("?", "~")
    for encode in (b64encode, urlsafe_b64encode):
        text = encode(f"{address}\n".encode()).decode()
        for pasted in (text, text.rstrip("=")):
            assert claim_address(Secret(pasted), BRIDGES) == address


def test_only_bridges_that_were_named_are_below() -> None:
    """An operator's own server is named by the option, plain HTTP and a port included."""
    own = ("http://127.0.0.1:8322/simplefin",)
    assert is_below("http://127.0.0.1:8322/simplefin/claim/x", own)
    for address in ("http://127.0.0.1:8322/control/step", "http://127.0.0.1:9/simplefin/claim/x"):
        assert not is_below(address, own)
    assert not is_below(CLAIM, own)


def claim(response: Response) -> tuple[Granted, Request]:
    """Claim a token at a bridge that answers so; return what came of it and what was sent."""
    plan = SimpleFIN().link_plans[0]
    assert isinstance(plan, TokenPlan)
    assert plan.claim is not None
    claiming = plan.claim(token())
    request = next(claiming)
    with pytest.raises(StopIteration) as end:
        claiming.send(response)
    return end.value.value, request


def test_a_token_is_claimed_once_for_an_access_url() -> None:
    """One POST without credentials; what comes back is kept as it is, and shown to nobody."""
    granted, request = claim(Response(200, {}, f"{ACCESS}\n".encode()))
    assert (request.method, request.url, request.authorized) == ("POST", CLAIM, False)
    assert granted.credentials.access.reveal() == ACCESS
    assert "canary-password" not in f"{granted!r}"


def test_a_token_that_somebody_else_claimed_is_told_of() -> None:
    """The protocol's checklist: the person has to hear that it may be compromised."""
    with pytest.raises(OAuthError, match="used before") as caught:
        claim(Response(403, {}, b"Forbidden"))
    assert caught.value.remedy is not None
    assert "revoke it" in caught.value.remedy.text


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"", ContractBroken),
        (200, b"<html>canary-password</html>", ContractBroken),
        (200, b"https://bridge.simplefin.org/simplefin", ContractBroken),
        (200, b"https://name@bridge.simplefin.org/simplefin", ContractBroken),
        (200, b"https://name:canary-password@elsewhere.example/simplefin", ContractBroken),
        (200, b"http://name:canary-password@bridge.simplefin.org/x", ContractBroken),
        (200, b"https://n:canary-password@[bridge/x", ContractBroken),
        (200, b"\xff\xfe", ContractBroken),
        (301, b"", OAuthError),
        (404, b"", OAuthError),
        (429, b"", OAuthUnavailable),
        (503, b"", OAuthUnavailable),
    ],
    ids=range(12),
)
def test_a_claim_that_goes_wrong_says_so(status: int, body: bytes, error: type[Exception]) -> None:
    """Nothing is stored, and no error repeats what was in the answer."""
    with pytest.raises(error) as caught:
        claim(Response(status, {}, body))
    assert "canary-password" not in str(caught.value)


def test_credentials_are_in_a_header_and_never_in_an_address() -> None:
    """K3: addresses are logged, headers are not; what was percent-encoded is what it means."""
    bank = SimpleFIN()
    opened = Credentials(Secret("https://na%3Ame:pa%40ss@bridge.simplefin.org/simplefin/"))
    request = Request("GET", f"{HERE}/accounts?pending=1")
    signed = bank.sign(request, opened)
    assert signed.url == f"{BRIDGE}/simplefin/accounts?pending=1"
    scheme, _, encoded = signed.headers["Authorization"].partition(" ")
    assert (scheme, b64decode(encoded)) == ("Basic", b"na:me:pa@ss")
    assert "pa@ss" not in f"{signed!r}"


def test_access_that_the_option_no_longer_names_is_not_used() -> None:
    """Who takes a bridge off the list has it asked no more."""
    request = Request("GET", f"{HERE}/accounts")
    with pytest.raises(ContractBroken):
        SimpleFIN(("https://own.example",)).sign(request, Credentials(Secret(ACCESS)))
