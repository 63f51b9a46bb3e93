"""The page on which the first person is made, behind the one-time link that `serve` prints."""

from string import Template
from typing import Annotated, Final

from fastapi import Query, Request
from starlette.responses import Response

from penstock.api.auth import open_to_all
from penstock.api.form import read_form
from penstock.api.page import escape, html_page
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.domain.errors import InvalidInput, NotFound
from penstock.domain.secret import Secret

_FIELDS: Final = frozenset({"link", "username", "password", "again"})
_LINK_HOLDER: Final = [open_to_all("there is nobody yet; the one-time link is what opens it")]

_FORM: Final = Template("""<p>You are the first one here. Choose how you sign in.</p>
$fault
<form method="post" action="setup">
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
    "<p>That is you, <strong>{username}</strong>. Sign in on the command line with "
    '<code>penstock login</code>, or try the <a href="docs">API</a>.</p>'
)

router = nouns("sign in", prefix="")


@router.get("/setup", include_in_schema=False, dependencies=_LINK_HOLDER)
async def show(running: Running, link: Annotated[str, Query(max_length=200)] = "") -> Response:
    """Show the form, if the link is good."""
    try:
        await running.identity.check_setup(Secret(link))
    except NotFound as error:
        return _over(error)
    return _form(link)


@router.post("/setup", include_in_schema=False, dependencies=_LINK_HOLDER)
async def make(request: Request, running: Running) -> Response:
    """Make the first person."""
    form = await read_form(request, _FIELDS)
    link, username = form.get("link", ""), form.get("username", "")
    try:
        await running.identity.check_setup(Secret(link))  # a form shows no link that is not good
        password = _password(form)
        await running.identity.finish_setup(Secret(link), username, password)
        await running.decoys.plant()
    except InvalidInput as error:
        return _form(link, username, fault=error.message)
    except NotFound as error:
        return _over(error)
    return html_page("Welcome", _DONE.format(username=escape(username)))


def _password(form: dict[str, str]) -> Secret:
    password = form.get("password", "")
    if password != form.get("again", ""):
        raise InvalidInput("The two passwords are not the same.")
    return Secret(password)


def _form(link: str, username: str = "", *, fault: str = "") -> Response:
    shown = _FORM.substitute(
        link=escape(link),
        username=escape(username),
        fault=f'<p class="fault" role="alert">{escape(fault)}</p>' if fault else "",
    )
    return html_page("Welcome", shown, 422 if fault else 200)


def _over(error: NotFound) -> Response:
    return html_page("This link is over", f"<p>{escape(error.message)}</p>", 404)
