"""The page on which a person is asked whether a program may come in, in plain words."""

from collections.abc import Mapping
from string import Template
from typing import Final

from starlette.responses import Response

from penstock.api.authorizing import Asked
from penstock.api.browser import csrf_field, hidden
from penstock.api.page import escape, html_page
from penstock.identity.browsing import BrowserPerson
from penstock.identity.redirect_uris import host_of, is_claimed, origin_of
from penstock.identity.scopes import DESCRIPTIONS, Scope

_PAGE: Final = Template("""<p><strong>$client</strong> wants to use this Penstock
as <strong>$username</strong>. It may then:</p>
<ul>
$scopes
</ul>
<p>Your answer goes to <strong>$host</strong>. $advice</p>
<form method="post" action="authorize">
$hidden
<button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Refuse</button>
</form>""")
_CLAIMED: Final = (
    "Allow it only if you know that program. You can take it back at any time with "
    "<code>penstock consents</code>."
)
_UNCLAIMED: Final = (
    "That is a program on the machine where this browser runs: allow it only if you started it "
    "yourself a moment ago."
)


def consent_page(asked: Asked, person: BrowserPerson, carried: Mapping[str, str]) -> Response:
    """Return the page. `carried` is what brings the request here again, by its form."""
    scopes = [f"<li>{escape(DESCRIPTIONS[one])}</li>" for one in Scope if one in asked.scopes]
    body = _PAGE.substitute(
        client=escape(asked.client.name),
        username=escape(person.username),
        scopes="\n".join(scopes),
        host=escape(host_of(asked.redirect_uri)),
        advice=_CLAIMED if is_claimed(asked.redirect_uri) else _UNCLAIMED,
        hidden=csrf_field(person) + "".join(hidden(*one) for one in carried.items()),
    )
    return html_page("Let a program in?", body, form_to=origin_of(asked.redirect_uri))
