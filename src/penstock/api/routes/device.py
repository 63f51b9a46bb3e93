"""The page on which a person types the code that a device shows (RFC 8628 §3.3; security.md C5).

The code is typed, never taken from the address: a link from somebody else brings nobody a step
nearer to a yes. What then is shown is what is known of who asks: the program, from where, when and
for what. A device that somebody else holds shows itself by its address.
"""

from string import Template
from typing import Final

from fastapi import Request
from starlette.responses import Response

from penstock.api.auth import open_to_all
from penstock.api.browser import (
    address_of,
    ask_to_sign_in,
    check_form,
    csrf_field,
    hidden,
    person_of,
)
from penstock.api.form import read_form
from penstock.api.page import escape, html_page
from penstock.api.routing import nouns
from penstock.api.running import Installation, Running
from penstock.db.device_codes import DeviceRow
from penstock.domain.errors import NotFound
from penstock.identity.browsing import BrowserPerson
from penstock.identity.clients import Client
from penstock.identity.scopes import DESCRIPTIONS, read_scopes

_FIELDS: Final = frozenset({"csrf", "code", "decision"})
_WHO: Final = [open_to_all("whoever has no session of a browser is sent to sign in")]
_MOST_CHARACTERS: Final = 40

_TYPE: Final = Template("""<p>A device asks to be signed in as <strong>$username</strong>. Type the
code that it shows. If nobody but you knows the device, close this page.</p>
$fault
<form method="post" action="$action">$csrf
<label>Code <input name="code" autocomplete="off" autocapitalize="characters" required autofocus
 maxlength="20" placeholder="WDJB-MJHT"></label>
<button>Next</button>
</form>""")

_DECIDE: Final = Template("""<p><strong>$program</strong> asks to be signed in as
<strong>$username</strong>, for:</p>
<ul>$scopes</ul>
<p>It asks from the address <strong>$address</strong> ($agent), since $since.</p>
<p>Is that the device in front of you, and did you begin this yourself? If somebody sent you the
code, it is theirs: refuse.</p>
<form method="post" action="$action">$csrf
<button name="decision" value="refuse">Refuse</button>
<button name="decision" value="approve">Sign it in</button>
</form>""")

router = nouns("sign in", prefix="")


@router.get("/device", include_in_schema=False, dependencies=_WHO)
async def show(request: Request) -> Response:
    """Ask for the code, of somebody who is signed in at this browser."""
    person = await person_of(request)
    return ask_to_sign_in(request) if person is None else _ask(request, person)


@router.post("/device", include_in_schema=False, dependencies=_WHO)
async def decide(request: Request, running: Running) -> Response:
    """Show who asks; then do what the person decided."""
    person = await person_of(request)
    if person is None:
        return ask_to_sign_in(request)
    form = await read_form(request, _FIELDS)
    check_form(request, person, form)
    code = form.get("code", "")[:_MOST_CHARACTERS]
    try:
        return await _decided(request, running, person, code, form.get("decision", ""))
    except NotFound as error:
        return _ask(request, person, fault=error.message)


async def _decided(
    request: Request, running: Installation, person: BrowserPerson, code: str, decision: str
) -> Response:
    devices, address = running.identity.devices, request.state.address
    if decision not in ("approve", "refuse"):
        row = await devices.look_up(code, user_id=person.user_id, address=address)
        client = await running.authorization.clients.find(row.client_id)
        if client is None:
            raise NotFound("The program of that device is not registered here any more.")
        return _show(request, person, row, client, code)
    await devices.decide(code, person, address=address, allowed=decision == "approve")
    if decision == "approve":
        return html_page("Signed in", "<p>The device is signed in. You may close this page.</p>")
    return html_page("Refused", "<p>The device was refused, and its code is over.</p>")


def _ask(request: Request, person: BrowserPerson, *, fault: str = "") -> Response:
    shown = _TYPE.substitute(
        username=escape(person.username),
        action=escape(address_of(request, "/device")),
        csrf=csrf_field(person),
        fault=f'<p class="fault" role="alert">{escape(fault)}</p>' if fault else "",
    )
    return html_page("Sign in a device", shown, 422 if fault else 200)


def _show(
    request: Request, person: BrowserPerson, row: DeviceRow, client: Client, code: str
) -> Response:
    scopes = sorted(read_scopes(row.scope))
    shown = _DECIDE.substitute(
        program=escape(client.name),
        username=escape(person.username),
        scopes="".join(f"<li>{escape(DESCRIPTIONS[scope])}</li>" for scope in scopes),
        address=escape(row.address),
        agent=escape(row.agent or "it does not say what it is"),
        since=row.created_at.strftime("%Y-%m-%d %H:%M:%S UTC"),
        action=escape(address_of(request, "/device")),
        csrf=csrf_field(person) + hidden("code", code),
    )
    return html_page("Sign in a device?", shown)
