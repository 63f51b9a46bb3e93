"""Signing in and out at a browser, for our own pages; programs use `/token` and `/authorize`."""

from string import Template
from typing import Annotated, Final

from fastapi import Query, Request
from starlette.responses import Response

from penstock.api.auth import open_to_all
from penstock.api.browser import (
    CSRF,
    HOME,
    check_form,
    check_stranger,
    cookie_of,
    csrf_field,
    drop_cookie,
    go_to,
    hidden,
    own_path,
    person_of,
    set_cookie,
    set_form_cookie,
    stranger,
)
from penstock.api.errors import seconds_to_wait
from penstock.api.form import read_form
from penstock.api.page import escape, html_page
from penstock.api.routing import nouns
from penstock.api.running import Installation, Running
from penstock.api.where import where_of
from penstock.domain.errors import NotSignedIn, TooManyAttempts
from penstock.domain.secret import Secret

_SIGNS_IN: Final = [open_to_all("this is where one signs in; the form and its cookie are checked")]
_FIELDS: Final = frozenset({CSRF, "next", "username", "password"})

_FORM: Final = Template("""$fault
<form method="post" action="sign-in">
$hidden
<label>User name <input name="username" value="$username" autocomplete="username" required
 autofocus maxlength="64"></label>
<label>Password <input name="password" type="password" autocomplete="current-password"
 required></label>
<button>Sign in</button>
</form>""")
_OUT: Final = Template("""<p>You are signed in as <strong>$username</strong>.</p>
<form method="post">$hidden<button>Sign out</button></form>""")

Next = Annotated[str, Query(max_length=8000)]

router = nouns("sign in", prefix="")


@router.get("/sign-in", include_in_schema=False, dependencies=_SIGNS_IN)
async def show_sign_in(request: Request, next: Next = HOME) -> Response:  # noqa: A002 - its name outside
    """Show the form."""
    return _page(request, next)


@router.post("/sign-in", include_in_schema=False, dependencies=_SIGNS_IN)
async def sign_in(request: Request, running: Running) -> Response:
    """Take the name and the password, and begin a session with a new cookie."""
    form = await read_form(request, _FIELDS)
    check_stranger(request, form)
    wanted, name = form.get("next", HOME), form.get("username", "")
    where = where_of(request)
    try:
        password = Secret(form.get("password", ""))
        user = await running.identity.check_password(name, password, where)
    except TooManyAttempts as error:
        running.metrics.signed_in("throttled")
        answer = _page(request, wanted, name, fault=error.message, status=429)
        answer.headers.update(seconds_to_wait(error))
        return answer
    except NotSignedIn as error:
        running.metrics.signed_in("refused")
        return _page(request, wanted, name, fault=error.message, status=422)
    return await _signed_in(request, running, user.id, "pwd", wanted)


@router.get("/sign-out", include_in_schema=False, dependencies=_SIGNS_IN)
async def show_sign_out(request: Request) -> Response:
    """Show who is signed in, and a button: a mere link must not sign anybody out."""
    person = await person_of(request)
    if person is None:
        return go_to(request, "/sign-in")
    shown = _OUT.substitute(username=escape(person.username), hidden=csrf_field(person))
    return html_page("Sign out", shown)


@router.post("/sign-out", include_in_schema=False, dependencies=_SIGNS_IN)
async def sign_out(request: Request, running: Running) -> Response:
    """End the session of this browser."""
    form = await read_form(request, {CSRF})
    person = await person_of(request)
    cookie = cookie_of(request)
    if person is not None and cookie is not None:
        check_form(request, person, form)
        await running.identity.browsing.end(cookie)
    answer = html_page("Signed out", "<p>You are signed out here.</p>")
    drop_cookie(answer)
    return answer


async def _signed_in(
    request: Request, running: Installation, user_id: int, methods: str, wanted: str
) -> Response:
    running.metrics.signed_in("ok")
    cookie = await running.identity.browsing.begin(
        user_id, where_of(request), methods=methods, instead_of=cookie_of(request)
    )
    answer = go_to(request, wanted)
    set_cookie(answer, cookie)
    return answer


def _page(
    request: Request, wanted: str, username: str = "", *, fault: str = "", status: int = 200
) -> Response:
    cookie, field = stranger(request)
    shown = _FORM.substitute(
        hidden=field + hidden("next", own_path(wanted)),
        username=escape(username),
        fault=f'<p class="fault" role="alert">{escape(fault)}</p>' if fault else "",
    )
    answer = html_page("Sign in", shown, status)
    set_form_cookie(answer, cookie)
    return answer
