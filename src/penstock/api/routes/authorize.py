"""Letting a program in: the authorization endpoint (RFC 6749 §3.1), in a browser.

A person who is signed in sees who asks for what, says yes or no, and is sent back with a code, or
with the reason why there is none. Whatever is wrong with the program or with the address to go back
to is told on a page here, and nobody is sent anywhere.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from penstock.api.auth import open_to_all
from penstock.api.authorizing import (
    PARAMETERS,
    Asked,
    NotSentBack,
    Pairs,
    SentBack,
    answer_to,
    read_asked,
    see_other,
)
from penstock.api.browser import CSRF, ask_to_sign_in, check_form, person_of
from penstock.api.consent_page import consent_page
from penstock.api.form import read_form
from penstock.api.own_address import AddressUnknown, issuer_of
from penstock.api.page import escape, html_page
from penstock.api.routing import ANY_QUERY, nouns
from penstock.api.running import Installation, Running
from penstock.domain.errors import PenstockError
from penstock.identity.browsing import BrowserPerson
from penstock.identity.codes import Approved
from penstock.identity.pushed import PREFIX, RequestUnknown

_PATH: Final = "/authorize"
_FIELDS: Final = PARAMETERS | {CSRF, "decision"}
_MOST_PARAMETERS: Final = 40
_BROWSER: Final = [open_to_all("a browser comes here; whoever is not signed in is asked to")]

router = nouns("programs", prefix="")


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A request with which a browser came. `carried` is what brings it here again.

    `not_before` is when the person must have proved who they are, at the earliest, or later.
    """

    asked: Asked
    carried: Mapping[str, str]
    not_before: datetime | None


@router.get(_PATH, include_in_schema=False, dependencies=_BROWSER)
async def ask(request: Request, running: Running, _query: Annotated[None, ANY_QUERY]) -> Response:
    """Show who asks for what; or answer at once, where the person allowed it before."""

    async def shown(issuer: str) -> Response:
        arrival = await _arrive(running, request.query_params.multi_items())
        if isinstance(arrival, Response):
            return arrival
        return await _decide(request, running, arrival, issuer)

    return await _told(request, running, shown)


@router.post(_PATH, include_in_schema=False, dependencies=_BROWSER)
async def answer(request: Request, running: Running) -> Response:
    """Take the person's yes or no."""
    form = await read_form(request, _FIELDS)

    async def taken(issuer: str) -> Response:
        pairs = [(name, value) for name, value in form.items() if name in PARAMETERS]
        arrival = await _arrive(running, pairs)
        if isinstance(arrival, Response):
            return arrival
        person = await _proved(request, arrival)
        if person is None:
            return _again(arrival.carried)
        check_form(request, person, form)
        return await _answered(running, arrival, person, form.get("decision", ""), issuer)

    return await _told(request, running, taken)


async def _told(
    request: Request, running: Installation, work: Callable[[str], Awaitable[Response]]
) -> Response:
    """Do what is to be done for our issuer; tell what is wrong to whom it concerns."""
    try:
        issuer = issuer_of(request, running)
    except AddressUnknown as error:
        return _nowhere(error)
    try:
        return await work(issuer)
    except (NotSentBack, RequestUnknown) as error:
        return _nowhere(error)
    except SentBack as error:
        told = {"error": error.code, "error_description": error.message}
        return answer_to(error.redirect_uri, issuer, error.state, **told)


async def _arrive(running: Installation, pairs: Pairs) -> _Arrival | Response:
    """Read the request; or send the browser on, with the name under which it waits here."""
    if len(pairs) > _MOST_PARAMETERS:
        raise NotSentBack("That is more than a request has.")
    server = running.authorization
    fields = {name: value for name, value in pairs if name in PARAMETERS and value}
    if fields.get("request_uri", "").startswith(PREFIX):
        if len(pairs) != len({name for name, _ in pairs}):
            raise NotSentBack("A parameter stands twice in the request.")
        client_id, name = fields.get("client_id", ""), fields["request_uri"]
        opened = await server.pushed.open(client_id, name)
        carried = {
            "client_id": client_id,
            "request_uri": opened if isinstance(opened, str) else name,
        }
        if isinstance(opened, str):
            return _again(carried)
        asked = await read_asked(server.clients, opened.parameters.items())
        return _arrival(running, asked, carried, opened.opened_at)
    asked = await read_asked(server.clients, pairs)
    if asked.wants_new_proof:
        name = await server.pushed.put_off(asked.client.id, fields)
        return _again({"client_id": asked.client.id, "request_uri": name})
    return _arrival(running, asked, fields, None)


def _arrival(
    running: Installation, asked: Asked, carried: Mapping[str, str], opened_at: datetime | None
) -> _Arrival:
    if asked.wants_new_proof:
        return _Arrival(asked, carried, opened_at)
    if asked.max_age is not None:
        return _Arrival(asked, carried, running.clock() - timedelta(seconds=asked.max_age))
    return _Arrival(asked, carried, None)


async def _proved(request: Request, arrival: _Arrival) -> BrowserPerson | None:
    """Return who is signed in here, if they proved it as lately as the program asks."""
    person = await person_of(request)
    if person is None or arrival.not_before is None:
        return person
    is_late = person.proved_at is not None and person.proved_at >= arrival.not_before
    return person if is_late else None


async def _decide(
    request: Request, running: Installation, arrival: _Arrival, issuer: str
) -> Response:
    asked = arrival.asked
    person = await _proved(request, arrival)
    if person is None:
        if "none" in asked.prompt:
            raise asked.sent_back("login_required", "The person has to sign in.")
        return ask_to_sign_in(request)
    known = "consent" not in asked.prompt and await running.authorization.consents.covers(
        person.user_id, asked.client, asked.redirect_uri, asked.scopes
    )
    if known:
        return await _allowed(running, arrival, person, issuer)
    if "none" in asked.prompt:
        raise asked.sent_back("consent_required", "The person has to be asked.")
    return consent_page(asked, person, arrival.carried)


async def _answered(
    running: Installation, arrival: _Arrival, person: BrowserPerson, decision: str, issuer: str
) -> Response:
    asked = arrival.asked
    if decision != "allow":
        await _close(running, arrival)
        raise asked.sent_back("access_denied", "The person said no.")
    await running.authorization.consents.give(person.user_id, asked.client, asked.scopes)
    return await _allowed(running, arrival, person, issuer)


async def _allowed(
    running: Installation, arrival: _Arrival, person: BrowserPerson, issuer: str
) -> Response:
    asked = arrival.asked
    await _close(running, arrival)
    code = await running.authorization.codes.give(
        Approved(
            user_id=person.user_id,
            client_id=asked.client.id,
            redirect_uri=asked.redirect_uri,
            challenge=asked.challenge,
            scopes=asked.scopes,
            proved_at=person.proved_at,
            methods=tuple(person.methods.split()),
            key_thumbprint=asked.key_thumbprint,
        )
    )
    return answer_to(asked.redirect_uri, issuer, asked.state, code=code.reveal())


async def _close(running: Installation, arrival: _Arrival) -> None:
    """Make sure that a request that waited here is answered once."""
    if "request_uri" in arrival.carried:
        await running.authorization.pushed.close(arrival.carried["request_uri"])


def _again(carried: Mapping[str, str]) -> Response:
    return see_other(f"authorize?{urlencode(carried)}")


def _nowhere(error: PenstockError) -> Response:
    what = f'<p class="fault" role="alert">{escape(error.message)}</p>'
    next_ = error.remedy.text if error.remedy else "Tell whoever made that program."
    return html_page("This cannot go on", f"{what}<p>{escape(next_)}</p>", 400)
