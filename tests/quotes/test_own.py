"""Sources that a person adds: right ones are used, wrong ones say what is wrong, by field."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.quotes.fault import Fault
from penstock.quotes.own import LONGEST, check_file, read_folder
from penstock.quotes.own_terms import Terms
from tests.quotes.own_source import ACME, PAGE, written

TERMS = Terms(taken={"ecb"})


def faults(path: Path, terms: Terms = TERMS) -> tuple[Fault, ...]:
    """Return what is wrong with a declaration."""
    return check_file(path, terms).faults


def line_of(text: str, part: str) -> int:
    """Return the line on which a part of a text stands first."""
    return text[: text.index(part)].count("\n") + 1


def test_a_right_one_holds_against_its_recorded_answers(tmp_path: Path) -> None:
    """A declaration that reads what its golden part says is sound, and says nothing."""
    own = check_file(written(tmp_path), TERMS)
    assert own.is_sound, own.faults
    assert own.declared is not None
    assert own.declared.id == "acme"


@pytest.mark.parametrize(
    ("right", "wrong", "field", "said"),
    [
        ("interval = 2.0", 'interval = "slow"', "politeness.interval", "float"),
        ("interval = 2.0", "interval = 0.2", "politeness.interval", "a second between"),
        ("robots = true", "robots = false", "politeness.robots", "heeds robots.txt"),
        ("robots = true", "", "politeness.robots", "heeds robots.txt"),
        ("robots = true", "robots = true\nconcurrency = 4", "politeness.concurrency", "at a time"),
        ("robots = true", "robots = true\ncolour = 1", "politeness.colour", "unknown"),
        (
            "[politeness]",
            '[ask.headers]\nUser-Agent = "Mozilla"\n[politeness]',
            "ask",
            "who we are",
        ),
        ('kind = "anchored"', 'kind = "magic"', "extract[0].kind", "magic"),
        ("(?P<price>", "(?P<cost>", "extract[0]", "groups"),
        ('locale = "de-DE"', "", "number.locale", "locale"),
        ('id = "acme"', 'id = "other"', "id", "other.toml"),
        ('id = "acme"', 'id = "ecb"', "id", "comes with Penstock"),
        (
            'hosts = ["quotes.example.com"]',
            'hosts = ["quotes.example.com", "{x}"]',
            "hosts",
            "host",
        ),
        ('symbol = "SAP.DE"', 'symbol = "EUR/USD"', "golden[0].symbol", "does not cover"),
        ('symbol = "SAP.DE"', 'symbol = "??"', "golden[0].symbol", "does not cover"),
        ('price = "1177.98"', 'price = "1177,98"', "golden[0].price", "1177.98 did"),
        ('price = "1177.98"', 'price = "1177.99"', "golden[0].price", "1177.98 did"),
        ('currency = "EUR"', 'currency = "USD"', "golden[0].currency", "EUR did"),
        ('currency = "EUR"', 'currency = "EUR"\nunit = "GBX"', "golden[0].unit", "in EUR"),
        ("as_of = 2026-08-07T15:35:00Z", "", "golden[0].as_of", "2026-08-07T17:35:00+02:00"),
        ("T15:35:00Z", "T15:36:00Z", "golden[0].as_of", "17:35:00+02:00 did"),
        ("T15:35:00Z", "T15:35:00", "golden[0]", "offset"),
        ('error = "consent_wall"', 'error = "stale"', "golden[1].error", "consent_wall"),
        ('error = "consent_wall"', "", "golden[1]", "must come out"),
        ("acme/wall.html", "acme/sap.html", "golden[1].error", "a price did"),
        ("acme/sap.html", "acme/none.html", "golden[0].file", "no such file"),
        ("acme/sap.html", "../secret", "golden[0].file", "of this folder"),
        ("acme/sap.html", "/etc/passwd", "golden[0].file", "of this folder"),
        ("acme/sap.html", "acme\\\\..\\\\x", "golden[0].file", "of this folder"),
        ("acme/sap.html", "C:x", "golden[0].file", "of this folder"),
        ("acme/sap.html", "acme", "golden[0].file", "is no file"),
        ("acme/sap.html", "", "golden[0].file", "of this folder"),
    ],
)
def test_what_is_wrong_is_said_by_field_and_line(
    tmp_path: Path, right: str, wrong: str, field: str, said: str
) -> None:
    """Each mistake is named: the field as it is written, its line, and what is the matter."""
    assert right in ACME
    text = ACME.replace(right, wrong, 1)
    found = faults(written(tmp_path, text=text))
    assert [fault.field for fault in found] == [field]
    assert said in found[0].why
    key = field.rpartition(".")[2].partition("[")[0]
    near = text.splitlines()[(found[0].line or 0) - 1]
    assert key in near or near.startswith(("[", "\n")) or field.startswith("golden"), near


def test_a_text_that_is_no_toml_names_the_line(tmp_path: Path) -> None:
    """A slip of the pen is found where it stands."""
    text = ACME.replace("[number]", "[number", 1)
    (fault,) = faults(written(tmp_path, text=text))
    assert fault.line == line_of(text, "[number")


def test_the_line_behind_a_text_of_several_lines_is_right(tmp_path: Path) -> None:
    """Lines inside a long text count, and are not taken for fields."""
    text = ACME.replace('locale = "de-DE"', 'locale = """de-DE"""', 1)
    text = text.replace('price = "1177.98"', 'price = "2"', 1)
    (fault,) = faults(written(tmp_path, text=text))
    assert fault.line == line_of(text, 'price = "2"')


@pytest.mark.parametrize("left", ["none", "only walls"])
def test_a_recorded_answer_with_a_price_is_mandatory(tmp_path: Path, left: str) -> None:
    """Without the proof that it reads a price, a declaration is no source."""
    head, first, second = ACME.split("[[golden]]")
    text = head if left == "none" else f"{head}[[golden]]{second}"
    assert first
    (fault,) = faults(written(tmp_path, text=text))
    assert "golden" in str(fault)


def test_a_page_that_is_not_looked_for_the_symbol_is_no_proof(tmp_path: Path) -> None:
    """A declaration that takes the first price of a page, whoever's it is, is refused."""
    text = ACME.replace("<tr><td>{ticker}</td>", "<td>EUR</td>", 1)
    text = text.replace("<td>EUR</td>", "</tr>", 1).replace('"""\n</tr>', '"""</tr>')
    text = text.replace("pattern = '<td>", "pattern = '\\s*<tr><td>\\w*</td><td>")
    (fault,) = faults(written(tmp_path, text=text))
    assert (fault.field, "gives a price for" in fault.why) == ("golden[0].symbol", True), fault


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://quotes.example.com", "https"),
        ("https://quotes.example.com:8443", "https"),
        ("https://10.0.0.5", "private network"),
        ("https://[::1]", "private network"),
        ("https://169.254.169.254", "private network"),
        ("https://prices.internal", "private network"),
    ],
)
def test_it_may_not_ask_private_networks(tmp_path: Path, address: str, said: str) -> None:
    """What is not on the internet is asked only where the operator named it."""
    host = address.partition("//")[2]
    text = ACME.replace("https://quotes.example.com/{", f"{address}/{{")
    path = written(tmp_path, text=text.replace('["quotes.example.com"]', f'["{host}"]'))
    (fault,) = faults(path)
    assert (fault.field, said in fault.why) == ("ask.listing", True), fault
    assert faults(path, Terms(taken={"ecb"}, allowed=[host])) == ()


@pytest.mark.parametrize(
    ("name", "option"),
    [("plaid", "secret"), ("plaid_client", "id"), ("pl", "aid_x"), ("ecb_x", "k")],
)
def test_it_may_not_have_the_secrets_of_others(tmp_path: Path, name: str, option: str) -> None:
    """T5: a key that somebody set for a connector, or for a source of ours, is not sent to it."""
    key = f'[[auth]]\noption = "{option}"\ndescription = "x"\nheader = "X-Key"\n[politeness]'
    text = ACME.replace('id = "acme"', f'id = "{name}"').replace('"scrape"', '"keyed"')
    text = text.replace("[politeness]", key)
    path = written(tmp_path, text=text, name=name)
    found = faults(path, Terms(taken={"ecb"}, others={"plaid"}))
    assert [fault.field for fault in found] == (["auth"] if name != "pl" else [])
    assert faults(path, Terms(taken=set())) == ()


@pytest.mark.skipif(os.name != "posix", reason="links and pipes are POSIX's")
@pytest.mark.parametrize("what", ["link", "folder", "declaration", "pipe"])
def test_nothing_outside_its_folder_is_read(tmp_path: Path, what: str) -> None:
    """A link out of the folder is not followed, and a pipe, which has no end, is not opened."""
    folder, outside = tmp_path / "sources", tmp_path / "secret.html"
    path = written(folder)
    outside.write_text(PAGE)
    answer = folder / "acme" / "sap.html"
    if what == "folder":
        (folder / "acme").rename(tmp_path / "elsewhere")
        (folder / "acme").symlink_to(tmp_path / "elsewhere")
    elif what == "declaration":
        path.rename(tmp_path / "acme.toml")
        path.symlink_to(tmp_path / "acme.toml")
    else:
        answer.unlink()
        os.mkfifo(answer) if what == "pipe" else answer.symlink_to(outside)
    found = faults(path)
    said = "is no file" if what == "pipe" else "leads out of the folder"
    assert found
    assert said in found[0].why


def test_too_much_is_not_read(tmp_path: Path) -> None:
    """A declaration has an end, and is text."""
    (fault,) = faults(written(tmp_path, text=ACME + "#" * LONGEST))
    assert "longer than" in fault.why
    (tmp_path / "acme.toml").write_bytes(b"\xff\xfe")
    (fault,) = faults(tmp_path / "acme.toml")
    assert "UTF-8" in fault.why


def test_a_folder_is_read_whole(tmp_path: Path) -> None:
    """Every declaration in it is there by its name, one that is broken too; other files are not."""
    assert read_folder(tmp_path / "none", TERMS) == []
    written(tmp_path)
    (tmp_path / "broken.toml").write_text("id = ")
    (tmp_path / "notes.txt").write_text("id = ")
    found = read_folder(tmp_path, TERMS)
    assert [(own.id, own.is_sound) for own in found] == [("acme", True), ("broken", False)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(cut=st.integers(0, len(ACME)), junk=st.text(max_size=20), page=st.text(max_size=80))
def test_whatever_stands_in_the_files_nothing_is_raised(
    tmp_path: Path, cut: int, junk: str, page: str
) -> None:
    """A declaration that is cut, or has anything in it, gives faults and no exception."""
    path = written(tmp_path, text=f"{ACME[:cut]}{junk}{ACME[cut:]}", page=page)
    own = check_file(path, TERMS)
    assert own.is_sound is (not own.faults and own.declared is not None)
    assert not own.is_sound or page.strip()


HISTORY = """
[history]
listing = "https://quotes.example.com/{ticker}/history?from={from}&to={to}"
time = { kind = "date", format = "%d.%m.%Y", zone = "Europe/Berlin" }

[history.extract]
kind = "table"
name = "days"
select = "table"
price = "Schluss"
time = "Datum"
currency = "EUR"
"""
CLOSES = """
[[golden]]
file = "acme/days.html"
symbol = "SAP.DE"
currency = "EUR"
closes = { 2026-08-06 = "1176.42", 2026-08-07 = "1177.98" }
"""
DAYS = """<table><tr><th>Datum</th><th>Schluss</th></tr>
<tr><td>06.08.2026</td><td>1.176,42</td></tr><tr><td>07.08.2026</td><td>1.177,98</td></tr></table>
"""


def with_history(folder: Path, history: str = HISTORY, closes: str = CLOSES) -> Path:
    """Write a source that tells past days."""
    text = ACME.replace("[[golden]]", f"{history}\n[[golden]]", 1) + closes
    path = written(folder, text=text)
    (folder / "acme" / "days.html").write_text(DAYS, encoding="utf-8")
    return path


def test_past_days_hold_against_a_recorded_answer(tmp_path: Path) -> None:
    """Every close of it is named, or the source is not used."""
    assert check_file(with_history(tmp_path), TERMS).is_sound
    for right, wrong, field in (
        ('"1176.42"', '"1176.43"', "golden[2].closes"),
        ('2026-08-06 = "1176.42", ', "", "golden[2].closes"),
        ('currency = "EUR"', 'currency = "USD"', "golden[2].currency"),
        ("2026-08-06 =", "20260806 =", "golden[2]"),
    ):
        path = with_history(tmp_path, closes=CLOSES.replace(right, wrong))
        assert [one.field for one in faults(path)] == [field], (right, wrong)


def test_past_days_without_a_recorded_answer_are_not_used(tmp_path: Path) -> None:
    """And an address elsewhere, or a field that is none, is refused as everywhere."""
    (fault,) = faults(with_history(tmp_path, closes=""))
    assert "closes" in fault.why
    for right, wrong, said in (
        ("quotes.example.com", "elsewhere.example.com", "none of the hosts"),
        ("https:", "http:", "https"),
        ("{from}", "{von}", "no word"),
        ("[history]", "[history]\ndays = 0", "days and reach"),
    ):
        path = with_history(tmp_path, HISTORY.replace(right, wrong))
        assert any(said in one.why for one in faults(path)), (right, faults(path))
