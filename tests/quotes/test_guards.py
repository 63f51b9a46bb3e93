"""What comes instead of a price is refused by name."""

from datetime import timedelta

import pytest

from penstock.domain.quote import (
    BotChallenge,
    ConsentWall,
    LayoutChanged,
    QuotaSpent,
    QuoteError,
    RateLimited,
    SourceUnavailable,
    SymbolNotFound,
    WrongSymbol,
)
from penstock.domain.request import Response
from penstock.quotes.guards import check_about, check_page, redirection
from tests.quotes.answers import HTML, NOW, example, page, recorded, symbol

URL = "https://www.example.com/quote/ACME"
FINE = "<title>Acme (ACME)</title>"


def check(response: Response) -> None:
    """Check an answer of the example source about ACME."""
    check_page(example(), response, NOW)
    check_about(example(), symbol("ACME"), response.body)


def test_a_page_about_the_symbol_passes() -> None:
    """Nothing is raised for what was asked for."""
    check(page(FINE, URL))


REFUSED: dict[str, tuple[Response, type[QuoteError]]] = {
    "consent page": (page(recorded("consent.html"), URL), ConsentWall),
    "at the consent host": (page(FINE, "https://consent.example.com/?to=quote"), ConsentWall),
    "sent to consent": (page("", URL, 307, location="https://consent.example.com/"), ConsentWall),
    "challenge": (page(recorded("challenge.html"), URL), BotChallenge),
    "challenge, forbidden": (page(recorded("challenge.html"), URL, 403), BotChallenge),
    "forbidden": (page("Forbidden", URL, 403), BotChallenge),
    "hits limit": (page("Exceeded the daily hits limit", URL), QuotaSpent),
    "too many requests": (page("slow down", URL, 429), RateLimited),
    "not found": (page("gone", URL, 404), SymbolNotFound),
    "unavailable": (page("", URL, 503), SourceUnavailable),
    "in a circle": (page("", URL, 302, location="/quote/ACME"), SourceUnavailable),
    "to nowhere": (page("", URL, 302), SourceUnavailable),
    "to what is no address": (page("", URL, 302, location="http://[bad"), SourceUnavailable),
    "to another host": (page("", URL, 302, location="https://else.example.net/"), LayoutChanged),
    "to plain HTTP": (page("", URL, 302, location="http://www.example.com/"), LayoutChanged),
    "from another host": (page(FINE, "https://www.example.com.evil.net/"), LayoutChanged),
    "about another": (page("<title>Other (OTHR)</title>", URL), WrongSymbol),
    "about nothing": (page("", URL), WrongSymbol),
    "no page": (Response(200, {"content-type": "text/plain"}, FINE.encode(), URL), LayoutChanged),
    "untyped": (Response(200, {}, FINE.encode(), URL), LayoutChanged),
}


@pytest.mark.parametrize("case", REFUSED)
def test_everything_else_is_refused_by_name(case: str) -> None:
    """Each kind of wall, detour and failure is its own error, with a remedy."""
    response, error = REFUSED[case]
    with pytest.raises(error) as refusal:
        check(response)
    assert type(refusal.value) is error
    assert refusal.value.remedy is not None


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", timedelta(minutes=2)),
        ("0", timedelta()),
        ("Sat, 21 Nov 2026 12:05:00 GMT", timedelta(minutes=5)),
        ("Sat, 21 Nov 2026 11:00:00 GMT", timedelta()),
        ("999999999999999", timedelta(days=1)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(days=1)),
        ("soon", timedelta(minutes=1)),
        ("-5", timedelta(minutes=1)),
        ("", timedelta(minutes=1)),
    ],
)
def test_a_throttled_answer_says_when_to_come_back(header: str, wait: timedelta) -> None:
    """Retry-After is read in seconds and as a date; a minute if it is silent, a day at most."""
    with pytest.raises(RateLimited) as refusal:
        check(page("", URL, 429, retry_after=header))
    assert refusal.value.retry_at == NOW + wait


def test_only_our_own_detours_are_followed() -> None:
    """A redirect is followed on the declared hosts, over the declared scheme, and nowhere else."""
    for location, target in [
        ("/quote/ACME2", "https://www.example.com/quote/ACME2"),
        ("https://www.example.com/x", "https://www.example.com/x"),
        ("http://www.example.com/x", None),
        ("https://example.com/x", None),
        ("https://www.example.com:8443/x", None),
        ("https://www.example.com@evil.net/x", None),
        ("//evil.net/x", None),
        ("file:///etc/passwd", None),
    ]:
        response = Response(302, HTML | {"location": location}, b"", URL)
        assert redirection(example(), response) == target
    assert redirection(example(), page(FINE, URL, location="/x")) is None


def test_the_names_of_errors_are_stable() -> None:
    """Programs read an error's code, which is its class's name in small letters."""
    assert [kind().code for kind in (ConsentWall, WrongSymbol, SymbolNotFound)] == [
        "consent_wall",
        "wrong_symbol",
        "symbol_not_found",
    ]
