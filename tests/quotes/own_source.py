"""A source that a person adds: its declaration and a recorded answer, in a folder of its own."""

from pathlib import Path

ACME = '''id = "acme"
title = "Acme Quotes"
tier = "scrape"
docs = "https://quotes.example.com/terms"
hosts = ["quotes.example.com"]

[ask]
listing = "https://quotes.example.com/{ticker}"

[politeness]
interval = 2.0
robots = true

[guards]
type = "text/html"

[[guards.blocked]]
means = "consent_wall"
text = "we value your privacy"

[number]
locale = "de-DE"

[[extract]]
kind = "anchored"
name = "row"
anchor = """
<tr><td>{ticker}</td>"""
pattern = '<td>(?P<price>[^<]*)</td><td>(?P<currency>[A-Z]{3})</td><td>(?P<time>[^<]*)</td>'

[units]
GBX = { currency = "GBP", scale = "0.01" }

[time]
kind = "date"
format = "%d.%m.%Y"
zone = "Europe/Berlin"
at = "17:35"

[[golden]]
file = "acme/sap.html"
symbol = "SAP.DE"
price = "1177.98"
currency = "EUR"
as_of = 2026-08-07T15:35:00Z

[[golden]]
file = "acme/wall.html"
symbol = "SAP.DE"
error = "consent_wall"
'''
PAGE = """<table>
<tr><td>DAX</td><td>24.112,00</td><td>EUR</td><td>07.08.2026</td></tr>
<tr><td>SAP</td><td>1.177,98</td><td>EUR</td><td>07.08.2026</td></tr>
</table>
"""
WALL = "<p>we value your privacy</p>" + PAGE


def written(folder: Path, *, text: str = ACME, page: str = PAGE, name: str = "acme") -> Path:
    """Write the source into a folder, and return the path of its declaration."""
    answers = folder / "acme"
    answers.mkdir(parents=True, exist_ok=True)
    (answers / "sap.html").write_text(page, encoding="utf-8")
    (answers / "wall.html").write_text(WALL, encoding="utf-8")
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path
