"""Which sources an installation has, and how each stands."""

from pathlib import Path

import pytest

from penstock.domain.errors import InvalidInput
from penstock.quotes.catalogue import all_sources
from penstock.quotes.own_terms import Terms
from penstock.quotes.standing import Sources, Standing, shipped_ids, sources_in
from tests.quotes.answers import SITE, FakeSender, fetch, names, page
from tests.quotes.own_source import ACME, PAGE, written

TERMS = Terms(taken=shipped_ids())


def known(sources: Sources) -> dict[str, Standing]:
    """Return how each source stands."""
    return {one.id: one.standing for one in sources.all()}


def test_a_source_of_ones_own_is_used_only_if_it_is_named(tmp_path: Path) -> None:
    """A file in the folder switches nothing on: its name in the setting does."""
    written(tmp_path)
    idle = sources_in(tmp_path, ["ecb"], TERMS)
    assert [one.id for one in idle.used] == ["ecb"]
    assert "acme" in [one.id for one in idle.disabled]
    assert known(idle)["acme"] is Standing.SWITCHED_OFF
    named = sources_in(tmp_path, ["acme", "ecb"], TERMS)
    assert [one.id for one in named.used] == ["acme", "ecb"]
    assert "acme" not in [one.id for one in named.disabled]
    assert list(known(named).items())[:2] == [
        ("acme", Standing.IN_USE),
        ("ecb", Standing.IN_USE),
    ]


def test_its_prices_come_through_the_one_engine(tmp_path: Path) -> None:
    """A declaration that is proven is asked like any other, robots.txt first."""
    written(tmp_path)
    sources = sources_in(tmp_path, ["acme"], TERMS)
    sender = FakeSender(
        {
            "https://quotes.example.com/robots.txt": page("User-agent: *\nAllow: /\n"),
            "https://quotes.example.com/SAP": page(PAGE, "https://quotes.example.com/SAP"),
        }
    )
    outcomes = fetch(["SAP.DE"], sender, sources.used, disabled=sources.disabled)
    assert names(outcomes) == ["1177.98"]
    assert sender.asked[0].endswith("/robots.txt")
    assert SITE not in sender.asked


@pytest.mark.parametrize(
    ("right", "wrong"),
    [('price = "1177.98"', 'price = "7"'), ("[[golden]]", "[[silver]]"), ('id = "', "id = ")],
)
def test_one_that_is_not_proven_is_not_used(tmp_path: Path, right: str, wrong: str) -> None:
    """A source whose recorded answers do not hold is named, says why, and is never asked."""
    written(tmp_path, text=ACME.replace(right, wrong))
    sources = sources_in(tmp_path, ["acme", "ecb"], TERMS)
    assert [one.id for one in sources.used] == ["ecb"]
    assert "acme" not in [one.id for one in sources.disabled]
    (acme,) = (one for one in sources.all() if one.id == "acme")
    assert (acme.standing, acme.own) == (Standing.BROKEN, True)
    assert acme.why
    assert [one.id for one in sources.broken()] == ["acme"]
    with pytest.raises(InvalidInput, match="acme is not used"):
        sources.check("acme")
    sources.check("ecb")


def test_one_that_is_idle_is_looked_at_when_somebody_asks(tmp_path: Path) -> None:
    """A broken source that nobody named is shown as broken, too."""
    written(tmp_path, text=ACME.replace('price = "1177.98"', 'price = "7"'))
    assert known(sources_in(tmp_path, ["ecb"], TERMS))["acme"] is Standing.BROKEN


def test_a_file_with_the_name_of_one_of_ours_changes_nothing(tmp_path: Path) -> None:
    """The source that comes with Penstock stays as it is, and the file stands beside it, broken."""
    written(tmp_path, text=ACME.replace('id = "acme"', 'id = "ecb"'), name="ecb")
    sources = sources_in(tmp_path, ["ecb"], TERMS)
    assert [one.title for one in sources.used] == [
        one.title for one in all_sources() if one.id == "ecb"
    ]
    assert known(sources)["ecb"] is Standing.IN_USE
    assert known(sources)["ecb.toml"] is Standing.BROKEN


def test_a_name_that_nothing_has_is_refused(tmp_path: Path) -> None:
    """A misspelt name is found when the settings are read, with those that there are."""
    written(tmp_path)
    with pytest.raises(InvalidInput) as refusal:
        sources_in(tmp_path, ["acne"], TERMS)
    assert refusal.value.remedy is not None
    assert "acme" in refusal.value.remedy.text


def test_a_source_that_wants_a_key_waits_for_it(tmp_path: Path) -> None:
    """Named without its key it is not asked, and says which variable to set."""
    without = sources_in(tmp_path, ["finnhub", "ecb"], TERMS)
    assert [one.id for one in without.used] == ["ecb"]
    (finnhub,) = (one for one in without.all() if one.id == "finnhub")
    assert (finnhub.standing, finnhub.missing) == (Standing.NEEDS_KEY, ("PENSTOCK_FINNHUB_KEY",))
    given = sources_in(tmp_path, ["finnhub"], TERMS, ["finnhub_key"])
    assert [one.id for one in given.used] == ["finnhub"]
    assert known(given)["finnhub"] is Standing.IN_USE
