"""The page on which somebody who was invited makes themselves a person."""

from string import Template
from typing import Annotated, Final

from fastapi import Query, Request
from starlette.responses import Response

from penstock.api.auth import open_to_all
from penstock.api.browser import address_of
from penstock.api.form import read_form
from penstock.api.page import escape, html_page
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.domain.errors import Conflict, InvalidInput, NotFound
from penstock.domain.secret import Secret

_FIELDS: Final = frozenset({"link", "username", "password", "again"})
_INVITED: Final = [open_to_all("the one-time link is what opens it")]
_FORM: Final = Template("""<p>You are invited. Choose how you sign in.</p>
$fault
<form method="post" action="invitation">
<input type="hidden" name="link" value="$link">
<label>User name <input name="username" value="$username" autocomplete="username" required
 autofocus maxlength="64"></label>
<label>Password <input name="password" type="password" autocomplete="new-password" required
 minlength="8"></label>
<label>The same again <input name="again" type="password" autocomplete="new-password" required
 minlength="8"></label>
<button>Begin</button>
</form>""")
_DONE: Final = (
    '<p>That is you, <strong>{username}</strong>. <a href="{next}">Sign in</a>, and add a second '
    "factor.</p>"
)

router = nouns("sign in", prefix="")


@router.get("/invitation", include_in_schema=False, dependencies=_INVITED)
async def show_invitation(
    running: Running, link: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """Show the form, if the link is good."""
    try:
        await running.identity.people.check_invitation(Secret(link))
    except NotFound as error:
        return _over(error)
    return _form(link)


@router.post("/invitation", include_in_schema=False, dependencies=_INVITED)
async def accept_invitation(request: Request, running: Running) -> Response:
    """Make the person."""
    form = await read_form(request, _FIELDS)
    link, username, password = (form.get(one, "") for one in ("link", "username", "password"))
    try:
        if password != form.get("again", ""):
            raise InvalidInput("The two passwords are not the same.")  # noqa: TRY301 - told below
        await running.identity.people.accept(Secret(link), username, Secret(password))
    except (InvalidInput, Conflict) as error:
        return _form(link, username, fault=error.message)
    except NotFound as error:
        return _over(error)
    next_ = escape(address_of(request, "/sign-in"))
    return html_page("Welcome", _DONE.format(username=escape(username), next=next_))


def _form(link: str, username: str = "", *, fault: str = "") -> Response:
    shown = _FORM.substitute(
        link=escape(link),
        username=escape(username),
        fault=f'<p class="fault" role="alert">{escape(fault)}</p>' if fault else "",
    )
    return html_page("Welcome", shown, 422 if fault else 200)


def _over(error: NotFound) -> Response:
    return html_page("This link is over", f"<p>{escape(error.message)}</p>", 404)
