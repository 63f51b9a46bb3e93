"""The keys of sources are in requests, and nowhere else."""

import io
import logging
from dataclasses import replace

import pytest

from penstock.domain.errors import InvalidInput
from penstock.domain.quote import Quote, QuoteError, SourceDisabled
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.quotes.catalogue import all_sources
from penstock.quotes.declaration import Auth, Declaration, read_declaration
from penstock.quotes.keys import keys_of, scrubbed, signed
from tests.quotes.answers import FakeTime, fetch, page, recorded, source
from tests.quotes.golden_answers import JSON, declared, said

CANARY = "canary/key+of finnhub"
SET = {
    f"{one.id}_{option.name}": Secret(f"canary-{one.id}-{option.name}")
    for one in all_sources()
    for option in one.options
}
QUOTE = (
    '{{"Global Quote": {{"01. symbol": "IBM", "05. price": "12.5", '
    '"07. latest trading day": "2026-11-20"}}}}'
)
KEYS = keys_of(all_sources(), SET)


class Recorder:
    """Remembers the requests as they went out, and answers with one body."""

    def __init__(self, *answers: Response) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        return replace(answer, url=request.url)


def keyed() -> list[Declaration]:
    """Return the sources that want a key."""
    return [one for one in all_sources() if one.auth]


@pytest.mark.parametrize("declaration", keyed(), ids=lambda one: one.id)
def test_a_key_is_sent_where_it_is_wanted(declaration: Declaration) -> None:
    """Each key is in its header or parameter, in full, and the request before it has none."""
    request = Request("GET", f"https://{declaration.hosts[0]}/x?a=1", authorized=False)
    sent = signed(declaration, request, KEYS)
    for auth in declaration.auth:
        key = f"{auth.prefix}canary-{declaration.id}-{auth.option}"
        if auth.header:
            assert sent.headers[auth.header] == key
            assert "canary" not in sent.url
        else:
            assert f"{auth.query}={key}" in sent.url
    assert "canary" not in repr(sent)
    assert "canary" not in f"{request.url}{request.headers}"


def test_only_one_source_needs_its_key_in_the_address() -> None:
    """Keys stand in addresses only where the source takes nothing else."""
    in_query = [one.id for one in keyed() if any(auth.query for auth in one.auth)]
    assert in_query == ["alphavantage"]


@pytest.mark.parametrize(
    "body",
    [
        '{{"Information": "We have detected your API key as {key} and 25 requests per day"}}',
        QUOTE.replace("12.5", "{key}"),
        QUOTE.replace("IBM", "{key}"),
        QUOTE.replace("2026-11-20", "{key}"),
        "{key}",
    ],
)
def test_a_key_that_comes_back_is_struck_out(body: str) -> None:
    """Whatever a source says of our key, no error, quote or log line has it."""
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.DEBUG)
    key = "canary-alphavantage-key"
    sender = Recorder(said(body.format(key=key)))
    try:
        (outcome,) = fetch(["IBM"], sender, [source("alphavantage")], keys=KEYS)
    finally:
        logging.getLogger().removeHandler(handler)
        logging.getLogger().setLevel(level)
    assert isinstance(outcome, QuoteError)
    assert any(key in request.url for request in sender.requests)
    told = f"{outcome!r} {outcome} {outcome.message} {outcome.remedy} {vars(outcome)}"
    assert "canary" not in told + log.getvalue()


def test_a_key_in_a_redirect_is_struck_out() -> None:
    """A redirect that repeats the key does not carry it on in any other place than its own."""
    away = page(
        b"", status=302, location="https://www.alphavantage.co/a?copy=canary-alphavantage-key"
    )
    sender = Recorder(away, said(recorded("alphavantage.json")))
    (outcome,) = fetch(["IBM"], sender, [source("alphavantage")], keys=KEYS)
    assert isinstance(outcome, Quote)
    assert "copy=***" in sender.requests[1].url
    assert "canary" not in repr(outcome)


def test_keys_as_addresses_write_them_are_struck_out() -> None:
    """A key with signs that addresses escape is struck out in both of its forms."""
    keys = {"finnhub": {"key": Secret(CANARY)}}
    answer = Response(200, JSON | {"x": CANARY}, f"{CANARY} canary%2Fkey%2Bof%20finnhub".encode())
    clean = scrubbed(source("finnhub"), answer, keys)
    assert b"canary" not in clean.body
    assert "canary" not in str(clean.headers)


def test_without_its_key_a_source_is_switched_off() -> None:
    """A source whose key is not set is not asked; the person is told which setting it wants."""
    sender = Recorder(said(recorded("finnhub.json")))
    (outcome,) = fetch(["AAPL"], sender, [source("finnhub")], time=FakeTime())
    assert isinstance(outcome, SourceDisabled)
    assert sender.requests == []
    assert outcome.remedy is not None
    assert "PENSTOCK_FINNHUB_KEY" in outcome.remedy.text


def test_a_key_that_may_be_left_out() -> None:
    """CoinGecko answers without a key too; a key that is set empty is none."""
    assert keys_of([source("coingecko")], {"coingecko_key": Secret("  ")}) == {"coingecko": {}}
    request = Request("GET", "https://api.coingecko.com/x", authorized=False)
    assert signed(source("coingecko"), request, {}).headers == {}


def test_a_key_is_never_in_a_declaration() -> None:
    """Headers that carry secrets, and addresses that are not https, are refused in declarations."""
    text = recorded("several.toml").decode()
    for wrong, said_ in [
        ('[ask]\nheaders = { Authorization = "x" }', "key does not stand"),
        ('[ask]\nheaders = { "X-Api-Key" = "x" }', "key does not stand"),
        ('[ask]\nheaders = { Accept = "a\\nb" }', "one line"),
    ]:
        assert_refused(text.replace("[ask]", wrong), said_)
    auth = '[[auth]]\noption = "key"\ndescription = "A key."\nheader = "X-Key"\n\n[ask]'
    assert_refused(text.replace("[ask]", auth), "tier keyed")
    keyed_text = text.replace("unofficial", "keyed").replace("[ask]", auth)
    assert_refused(keyed_text.replace("https://api", "http://api"), "https")
    assert Auth(option="key", description="", header="X").setting.secret
    assert declared("several.toml").auth == ()


def assert_refused(text: str, said_: str) -> None:
    """Check that a declaration is refused, and why."""
    with pytest.raises(InvalidInput, match=said_):
        read_declaration(text, "several.toml")
