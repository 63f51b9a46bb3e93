"""A source is a declaration, and a wrong one is found when it is read."""

import re
import subprocess
import sys

import pytest

from penstock.domain.errors import InvalidInput
from penstock.quotes.catalogue import all_sources, sources_named
from penstock.quotes.cldr import habits_of
from penstock.quotes.declaration import Tier, read_declaration
from tests.quotes.answers import example, recorded, source, symbol

TEXT = recorded("example.toml").decode()


def test_the_sources_that_come_with_penstock() -> None:
    """The official source comes first and needs no leave; keyed, unofficial and scraped ones do."""
    known = all_sources()
    assert [declared.id for declared in known if not declared.opt_in] == ["ecb"]
    tiers = [declared.tier for declared in known]
    assert tiers == sorted(tiers, key=list(Tier).index)
    assert {declared.id for declared in known if declared.tier is Tier.KEYED} == {
        *("alpaca", "alphavantage", "coingecko", "finnhub", "twelvedata")
    }
    assert sources_named(["google_finance", "ecb"]) == (source("google_finance"), source("ecb"))


def test_each_says_where_its_terms_are() -> None:
    """Whoever switches a source on can read what it is, what its terms say, and what is due."""
    for declared in all_sources():
        assert declared.docs.startswith("https://")
        assert declared.terms or declared.tier in (Tier.OFFICIAL, Tier.SCRAPE)
        assert declared.extract
        if declared.tier is not Tier.OFFICIAL:
            assert declared.politeness.interval > 0
        if declared.tier is Tier.UNOFFICIAL:
            assert declared.politeness.robots
            assert declared.politeness.concurrency == 1
        if declared.tier is Tier.KEYED:
            assert declared.options


def test_who_scrapes_obeys_robots_txt_and_takes_it_slowly() -> None:
    """Every scraping source that we ship heeds robots.txt and asks one thing at a time."""
    scraping = [declared for declared in all_sources() if declared.tier is Tier.SCRAPE]
    assert scraping
    for declared in scraping:
        assert declared.politeness.robots
        assert declared.politeness.interval >= 1
        assert declared.politeness.concurrency == 1


def test_their_locales_are_known() -> None:
    """The locale that a source declares is one whose habits we know."""
    for declared in all_sources():
        assert habits_of(declared.number.locale) is not None


def test_an_unknown_source_is_refused_by_name() -> None:
    """A misspelt source names those that there are."""
    with pytest.raises(InvalidInput) as refusal:
        sources_named(["googel"])
    assert refusal.value.remedy is not None
    assert "google_finance" in refusal.value.remedy.text


def test_an_address_is_made_of_the_symbol() -> None:
    """The symbol is quoted into its place; what the source does not cover has no address."""
    google = source("google_finance")
    assert google.address(symbol("M&M.NS")) == (
        "https://www.google.com/finance/quote/M%26M:NSE?hl=en"
    )
    assert google.address(symbol("CNY/VND")) == (
        "https://www.google.com/finance/quote/CNY-VND?hl=en"
    )
    assert source("ecb").address(symbol("SAP.DE")) is None
    assert example().address(symbol("EUR/USD")) is None


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('id = "example"', 'id = "Ex ample"', "id is"),
        ('id = "example"', "", "id"),
        ('tier = "scrape"', 'tier = "stolen"', "tier"),
        ('tier = "scrape"', 'tier = "scrape"\ncolour = "red"', "colour"),
        ('hosts = ["www.example.com"]', "hosts = []", "hosts"),
        ('hosts = ["www.example.com"]', 'hosts = ["example.com"]', "at none of the hosts"),
        ("https://www.example.com/quote/{ticker}", "ftp://www.example.com/{ticker}", "hosts"),
        ('listing = "https', 'list = "https', "list"),
        ("interval = 2.0", 'interval = "slow"', "interval"),
        ("interval = 2.0", "interval = -1.0", "interval"),
        ('means = "quota_spent"', 'means = "bad"', "means"),
        ('text = "verify your browser"', "", "name a url or a text"),
        ('kind = "css"', 'kind = "magic"', "magic"),
        ('price = "@value"', "", "price"),
        ('scale = "0.01"', 'scale = "0.00"', "a unit is like"),
        ('scale = "0.01"', 'scale = "1e-2"', "a unit is like"),
        ("scale", "factor", "factor"),
        ("GBX = {", "GBP = {", "minor units"),
        ('locale = "en-US"', "", "locale"),
        ('locale = "en-US"', 'locale = "American"', "locale"),
        ("[number]", "[number", "line"),
    ],
)
def test_a_wrong_declaration_says_what_is_wrong(right: str, wrong: str, said: str) -> None:
    """Each mistake is refused when the file is read, with its name and the place or the reason."""
    assert right in TEXT
    with pytest.raises(InvalidInput, match=re.escape(said)) as refusal:
        read_declaration(TEXT.replace(right, wrong, 1), "example.toml")
    assert "example.toml" in str(refusal.value)


@pytest.mark.parametrize("said", ["robots = false", ""])
def test_no_file_reads_pages_without_heeding_robots_txt(said: str) -> None:
    """For the tier that scrapes, `robots = true` is not left to choice."""
    with pytest.raises(InvalidInput, match=r"heeds robots\.txt"):
        read_declaration(TEXT.replace("robots = true", said, 1), "example.toml")


@pytest.mark.parametrize("pattern", ["(", "(?P<amount>.)", "[0-9]+", "(?P<price>.)(?P<other>.)"])
def test_a_wrong_pattern_is_refused(pattern: str) -> None:
    """A pattern has to compile, and to name the price."""
    way = f"kind = 'anchored'\nname = 'a'\nanchor = 'b'\npattern = '{pattern}'\n"
    text = re.sub(r'kind = "css".*?(?=\n\[units)', way, TEXT, flags=re.DOTALL)
    with pytest.raises(InvalidInput, match="pattern"):
        read_declaration(text, "example.toml")


def test_importing_quotes_is_cheap() -> None:
    """Neither the locale tables nor the HTML parser are loaded before they are needed."""
    program = (
        "import sys, penstock.quotes.fetcher, penstock.quotes.catalogue as c; c.all_sources();"
        "print('\\n'.join(sys.modules))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    heavy = {"babel", "selectolax", "protego", "aiohttp", "fastapi", "sqlalchemy", "pydantic"}
    assert heavy & set(loaded.stdout.split()) == set()
