"""The page of an arranged visit, whichever protocol arranged it: /visits/{name}.

A program consents without a browser by what the page itself does: it sends `decision=allow` (or
`deny`) to the same address as a form, and if it likes `person` and `scenario`; the answer is a 303.
"""

from aiohttp import web

from penstock.domain.errors import InvalidInput, NotFound
from penstock.sandbox.faces.answers import BANK
from penstock.sandbox.faces.consent_page import HEADERS, consent_page, refusal_page
from penstock.sandbox.faces.decision import person_in, scenario_in

PATH = "/visits/{name}"


def routes() -> list[web.RouteDef]:
    """Return the page, and what it sends."""
    return [web.get(PATH, _ask), web.post(PATH, _decide)]


async def _ask(request: web.Request) -> web.Response:
    """Show the consent page."""
    bank = request.app[BANK]
    try:
        visit = bank.visits.get(request.match_info["name"])
    except NotFound as refused:
        return _page(refusal_page(refused.message), 404)
    return _page(consent_page(visit.program, visit.scope, [], bank.options.scenario))


async def _decide(request: web.Request) -> web.Response:
    """Take the person's decision, and send them on with it."""
    bank = request.app[BANK]
    name = request.match_info["name"]
    given = {each: str(text) for each, text in (await request.post()).items()}
    try:
        visit = bank.visits.get(name)
        scenario, person = scenario_in(given, bank), person_in(given)
    except (InvalidInput, NotFound) as refused:
        return _page(refusal_page(refused.message), 400)
    bank.visits.end(name)
    allowed = given.get("decision") == "allow"
    location = visit.allow(person, scenario) if allowed else visit.deny()
    return web.Response(status=303, headers={**HEADERS, "Location": location})


def _page(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)
