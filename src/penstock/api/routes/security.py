"""The account page: second factors, passkeys, and where one is signed in."""

from string import Template
from typing import Final

from fastapi import Request
from starlette.responses import Response

from penstock.api.auth import open_to_all
from penstock.api.browser import (
    CSRF,
    HOME,
    address_of,
    ask_to_sign_in,
    check_form,
    cookie_of,
    csrf_field,
    go_to,
    hidden,
    party_of,
    person_of,
)
from penstock.api.form import read_form
from penstock.api.page import escape, html_page
from penstock.api.routes.passkeys_script import PATH
from penstock.api.routing import nouns
from penstock.api.running import Installation, Running
from penstock.domain.errors import Conflict, Forbidden, NotFound, NotSignedIn, PenstockError
from penstock.domain.ids import public_id, row_number
from penstock.domain.secret import Secret
from penstock.identity.browsing import BrowserPerson
from penstock.identity.caller import is_fresh
from penstock.identity.passkeys import check_name

_COOKIE: Final = [open_to_all("the cookie of a browser is what opens it; the form is checked")]
_FIELDS: Final = frozenset({CSRF, "do", "id", "name", "passkey"})

_PAGE: Final = Template("""$fault
<p>You are <strong>$username</strong>. <a href="$out">Sign out</a></p>
<h2>Second factors</h2>
<ul>$factors</ul>
<p>$codes recovery codes are left.</p>
$passkey
<p>Add an authenticator with <code>penstock factor add totp</code>.</p>
<h2>Signed in</h2>
<ul>$sessions</ul>""")
_BUTTON: Final = Template("""<form method="post">$hidden<button>$text</button></form>""")
_ADD: Final = Template("""<form method="post" data-does="create" data-passkey="$options">
$hidden<input type="hidden" name="passkey">
<label>Name of the passkey <input name="name" required maxlength="60" value="passkey"></label>
<button>Add a passkey</button> <output></output></form>""")
_NO_NAME: Final = (
    "<p>Passkeys need a name in the address: open this page at <code>localhost</code>, or have "
    "the operator set PENSTOCK_PUBLIC_URL.</p>"
)

router = nouns("sign in", prefix="")


@router.get(HOME, include_in_schema=False, dependencies=_COOKIE)
async def show_security(request: Request, running: Running) -> Response:
    """Show the page to whoever is signed in."""
    person = await person_of(request)
    if person is None:
        return ask_to_sign_in(request)
    return await _page(request, running, person)


@router.post(HOME, include_in_schema=False, dependencies=_COOKIE)
async def change_security(request: Request, running: Running) -> Response:
    """Do what a button of the page says."""
    form = await read_form(request, _FIELDS)
    person = await person_of(request)
    if person is None:
        return ask_to_sign_in(request)
    check_form(request, person, form)
    does = form.get("do", "")
    if does != "end" and not is_fresh(person.proved_at, running.clock()):
        return ask_to_sign_in(request)
    try:
        codes = await _change(request, running, person, form)
    except (NotSignedIn, Conflict, NotFound) as error:
        return await _page(request, running, person, error)
    return _shown_once(request, codes) if codes else go_to(request, HOME)


async def _change(
    request: Request, running: Installation, person: BrowserPerson, form: dict[str, str]
) -> list[Secret]:
    identity, chosen = running.identity, form.get("id", "")
    match form.get("do"):
        case "end":
            await identity.end_session(row_number("ses", chosen), user_id=person.user_id)
        case "remove":
            number = row_number("fac", chosen)
            await identity.factors.remove(person.user_id, person.session_id, number)
        case "codes":
            return await identity.factors.renew_codes(person.user_id, person.session_id)
        case "passkey":
            return await _add_passkey(request, running, person, form)
        case _:
            raise NotFound("There is no such button.")
    return []


async def _add_passkey(
    request: Request, running: Installation, person: BrowserPerson, form: dict[str, str]
) -> list[Secret]:
    party, bound = party_of(request), cookie_of(request)
    if party is None or bound is None:
        raise Forbidden("Passkeys need a name in the address.")
    return await running.identity.passkeys.add(
        person.user_id,
        person.session_id,
        form.get("passkey", ""),
        check_name(form.get("name", "passkey")),
        bound,
        party,
    )


async def _page(
    request: Request,
    running: Installation,
    person: BrowserPerson,
    error: PenstockError | None = None,
) -> Response:
    factors = await running.identity.factors.of(person.user_id)
    codes = await running.identity.factors.codes_left(person.user_id)
    sessions = await running.identity.sessions(person.user_id)
    passkey = await _adding(request, running, person)
    shown = _PAGE.substitute(
        fault=f'<p class="fault" role="alert">{escape(error.message)}</p>' if error else "",
        username=escape(person.username),
        out=escape(address_of(request, "/sign-out")),
        factors="".join(
            f"<li>{escape(one.name)} ({escape(one.kind)})"
            f"{_button(person, 'remove', public_id('fac', one.id), 'Remove')}</li>"
            for one in factors
        )
        or "<li>none</li>",
        codes=f"{codes}" if codes else "No",
        passkey=passkey + (_button(person, "codes", "", "New recovery codes") if factors else ""),
        sessions="".join(
            f"<li>{escape(one.client_id)}, {escape(one.address)}, {one.used_at:%Y-%m-%d %H:%M} UTC"
            f"{_button(person, 'end', public_id('ses', one.id), 'End')}</li>"
            for one in sessions
        ),
    )
    script = address_of(request, PATH) if party_of(request) else ""
    return html_page("Security", shown, 422 if error else 200, script=script)


async def _adding(request: Request, running: Installation, person: BrowserPerson) -> str:
    party, bound = party_of(request), cookie_of(request)
    if party is None or bound is None:
        return _NO_NAME
    options = await running.identity.passkeys.adding(person.user_id, bound, party)
    fields = csrf_field(person) + hidden("do", "passkey")
    return _ADD.substitute(options=escape(options), hidden=fields)


def _button(person: BrowserPerson, does: str, chosen: str, text: str) -> str:
    fields = csrf_field(person) + hidden("do", does) + hidden("id", chosen)
    return _BUTTON.substitute(hidden=fields, text=escape(text))


def _shown_once(request: Request, codes: list[Secret]) -> Response:
    rows = "".join(f"<li><code>{escape(one.reveal())}</code></li>" for one in codes)
    back = escape(address_of(request, HOME))
    return html_page(
        "Recovery codes",
        "<p>Keep these where you find them without your devices. Each lets you in once, and they "
        f'are shown this once.</p><ol id="codes">{rows}</ol><p><a href="{back}">Go on</a></p>',
    )
