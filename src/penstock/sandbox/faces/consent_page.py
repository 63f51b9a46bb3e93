"""The page on which a person allows or denies: plain HTML, no script."""

from collections.abc import Iterable
from html import escape

from penstock.sandbox.authorization import SCOPES
from penstock.sandbox.bank import PEOPLE
from penstock.sandbox.scenario import IN_WORDS, Scenario

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

_STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 3rem auto; padding: 0 1rem }
fieldset { border: 1px solid #bbb; border-radius: .5rem; margin: 1rem 0 }
label { display: block } button { font: inherit; padding: .4rem 1.2rem; margin-right: .5rem }
small { color: #555 }
"""


def consent_page(
    client_id: str, scope: str, parameters: Iterable[tuple[str, str]], proposed: Scenario
) -> str:
    """Return the page; `parameters` are the request's, and come back with the decision."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(text)}">'
        for name, text in parameters
        if name not in {"scenario", "person", "decision"}
    )
    asks = "".join(f"<li>{escape(_in_words(each))}</li>" for each in scope.split())
    return _page(
        "Sandbox bank: may this program look?",
        f"""<p><strong>{escape(client_id)}</strong> would like to</p><ul>{asks}</ul>
<p>It cannot move money. You can take this back at any time.</p>
<form method="post">{hidden}
<fieldset><legend>Who are you?</legend>{_people()}</fieldset>
<fieldset><legend>How shall the bank behave?</legend>{_scenarios(proposed)}</fieldset>
<button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button></form>
<p><small>This bank is not real: nobody's money is here.</small></p>""",
    )


def refusal_page(message: str) -> str:
    """Return the page for a request that must not be redirected anywhere."""
    return _page("Sandbox bank: this cannot be asked", f"<p>{escape(message)}</p>")


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{body}</body></html>"
    )


def _in_words(scope: str) -> str:
    return SCOPES.get(scope, scope)


def _people() -> str:
    return "".join(
        f'<label><input type="radio" name="person" value="{word}"{" checked" * (not number)}> '
        f"{escape(name)}</label>"
        for number, (word, name) in enumerate(PEOPLE.items())
    )


def _scenarios(proposed: Scenario) -> str:
    options = "".join(
        f'<option value="{each}"{" selected" * (each is proposed)}>{each}: {words}</option>'
        for each, words in IN_WORDS.items()
    )
    return f'<select name="scenario">{options}</select>'
