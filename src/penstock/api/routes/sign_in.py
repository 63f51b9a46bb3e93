"""Signing in and out at a browser, for our own pages; programs use `/token` and `/authorize`."""

from string import Template
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import Query, Request
from starlette.responses import Response

from penstock.api.auth import open_to_all
from penstock.api.browser import (
    CSRF,
    HOME,
    address_of,
    check_form,
    check_stranger,
    cookie_of,
    csrf_field,
    drop_cookie,
    drop_half_cookie,
    go_to,
    half_of,
    hidden,
    own_path,
    party_of,
    person_of,
    set_cookie,
    set_form_cookie,
    set_half_cookie,
    stranger,
)
from penstock.api.errors import seconds_to_wait
from penstock.api.form import read_form
from penstock.api.page import escape, html_page
from penstock.api.routes.passkeys_script import PATH
from penstock.api.routing import nouns
from penstock.api.running import Installation, Running, installation_of
from penstock.api.where import where_of
from penstock.db.users import UserRow
from penstock.domain.errors import NotSignedIn, PenstockError, TooManyAttempts
from penstock.domain.secret import Secret
from penstock.identity.factors import WITH_CODE, FactorRefused
from penstock.identity.passkeys import METHODS

_SIGNS_IN: Final = [open_to_all("this is where one signs in; the form and its cookie are checked")]
_FIELDS: Final = frozenset({CSRF, "next", "username", "password", "code", "passkey"})

_FORM: Final = Template("""$fault
<form method="post" action="$action">
$hidden
<label>User name <input name="username" value="$username" autocomplete="username" required
 autofocus maxlength="64"></label>
<label>Password <input name="password" type="password" autocomplete="current-password"
 required></label>
<button>Sign in</button>
</form>
$passkey""")
_FACTOR: Final = Template("""$fault
<form method="post" action="$action">
$hidden
<label>Code of your authenticator, or a recovery code <input name="code" inputmode="text"
 autocomplete="one-time-code" required autofocus maxlength="100"></label>
<button>Go on</button>
</form>
$passkey""")
_PASSKEY: Final = Template("""<form method="post" action="$action" data-does="get"
 data-passkey="$options" id="passkey">
$hidden<input type="hidden" name="passkey">
<button>Use a passkey</button> <output></output>
</form>""")
_OUT: Final = Template("""<p>You are signed in as <strong>$username</strong>.</p>
<form method="post">$hidden<button>Sign out</button></form>""")

Next = Annotated[str, Query(max_length=8000)]

router = nouns("sign in", prefix="")


@router.get("/sign-in", include_in_schema=False, dependencies=_SIGNS_IN)
async def show_sign_in(request: Request, next: Next = HOME) -> Response:  # noqa: A002 - its name outside
    """Show the form."""
    return await _password_page(request, next)


@router.post("/sign-in", include_in_schema=False, dependencies=_SIGNS_IN)
async def sign_in(request: Request, running: Running) -> Response:
    """Take the name and the password; begin a session, or ask for the second factor."""
    form = await read_form(request, _FIELDS)
    check_stranger(request, form)
    wanted, name = form.get("next", HOME), form.get("username", "")
    try:
        password = Secret(form.get("password", ""))
        user = await running.identity.check_password(name, password, where_of(request))
    except NotSignedIn as error:
        running.metrics.signed_in("refused")
        return await _password_page(request, wanted, name, error)
    except TooManyAttempts as error:
        running.metrics.signed_in("throttled")
        return await _password_page(request, wanted, name, error)
    if not await running.identity.factors.of(user.id):
        return await _signed_in(request, running, user, ("pwd",), wanted)
    answer = go_to(request, f"/sign-in/factor?next={quote(own_path(wanted), safe='')}")
    set_half_cookie(answer, await running.identity.browsing.half(user.id))
    return answer


@router.get("/sign-in/factor", include_in_schema=False, dependencies=_SIGNS_IN)
async def show_factor(request: Request, running: Running, next: Next = HOME) -> Response:  # noqa: A002 - as above
    """Ask for the second factor."""
    half = half_of(request)
    user = await running.identity.browsing.half_of(half) if half else None
    if user is None:
        return go_to(request, "/sign-in")
    return await _factor_page(request, user, next)


@router.post("/sign-in/factor", include_in_schema=False, dependencies=_SIGNS_IN)
async def give_factor(request: Request, running: Running) -> Response:
    """Take the second factor: a code, or a passkey of that person. Begin a session."""
    form = await read_form(request, _FIELDS)
    bound, half = check_stranger(request, form), half_of(request)
    user = await running.identity.browsing.half_of(half) if half else None
    if half is None or user is None:
        return go_to(request, "/sign-in")
    wanted = form.get("next", HOME)
    try:
        methods = await _proved(request, running, user, form, bound)
    except (NotSignedIn, TooManyAttempts) as error:
        running.metrics.signed_in("throttled" if isinstance(error, TooManyAttempts) else "refused")
        return await _factor_page(request, user, wanted, error)
    if not await running.identity.browsing.finish(half):
        return go_to(request, "/sign-in")
    return await _signed_in(request, running, user, methods, wanted)


@router.post("/sign-in/passkey", include_in_schema=False, dependencies=_SIGNS_IN)
async def sign_in_by_passkey(request: Request, running: Running) -> Response:
    """Take a passkey instead of a name, a password and a code."""
    form = await read_form(request, _FIELDS)
    bound, party = check_stranger(request, form), party_of(request)
    wanted, answer = form.get("next", HOME), form.get("passkey", "")
    try:
        if party is None:
            raise FactorRefused  # noqa: TRY301 - told below
        user = await running.identity.passkeys.check(answer, bound, party)
    except FactorRefused as error:
        running.metrics.signed_in("refused")
        return await _password_page(request, wanted, "", error)
    return await _signed_in(request, running, user, METHODS, wanted)


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


async def _proved(
    request: Request, running: Installation, user: UserRow, form: dict[str, str], bound: Secret
) -> tuple[str, ...]:
    party = party_of(request)
    if "passkey" in form and party is not None:
        await running.identity.passkeys.check(form["passkey"], bound, party, user.id)
        return ("pwd", *METHODS)
    await running.identity.factors.check(
        user, Secret(form.get("code", "")), where_of(request).address
    )
    return WITH_CODE


async def _signed_in(
    request: Request, running: Installation, user: UserRow, methods: tuple[str, ...], wanted: str
) -> Response:
    running.metrics.signed_in("ok")
    cookie = await running.identity.browsing.begin(
        user, where_of(request), methods=" ".join(methods), instead_of=cookie_of(request)
    )
    answer = go_to(request, wanted)
    if half_of(request):
        drop_half_cookie(answer)
    set_cookie(answer, cookie)
    return answer


async def _password_page(
    request: Request, wanted: str, username: str = "", error: PenstockError | None = None
) -> Response:
    blank = {"username": escape(username)}
    return await _page(request, _FORM, blank, wanted, error=error, user=None)


async def _factor_page(
    request: Request, user: UserRow, wanted: str, error: PenstockError | None = None
) -> Response:
    return await _page(request, _FACTOR, {}, wanted, error=error, user=user)


async def _page(
    request: Request,
    form: Template,
    blank: dict[str, str],
    wanted: str,
    *,
    error: PenstockError | None,
    user: UserRow | None,
) -> Response:
    cookie, field = stranger(request)
    fields = field + hidden("next", own_path(wanted))
    fault = f'<p class="fault" role="alert">{escape(error.message)}</p>' if error else ""
    passkey = await _passkey(request, cookie, fields, user)
    action = escape(address_of(request, "/sign-in/factor" if user else "/sign-in"))
    shown = form.substitute(hidden=fields, action=action, fault=fault, passkey=passkey, **blank)
    script = address_of(request, PATH) if passkey else ""
    slow = isinstance(error, TooManyAttempts)
    status = 429 if slow else 422 if error else 200
    answer = html_page("Sign in", shown, status, script=script)
    if isinstance(error, TooManyAttempts):
        answer.headers.update(seconds_to_wait(error))
    set_form_cookie(answer, cookie)
    return answer


async def _passkey(request: Request, cookie: Secret, fields: str, user: UserRow | None) -> str:
    """Return the form with which a passkey is used, where browsers would make one for us."""
    party, passkeys = party_of(request), installation_of(request.scope).identity.passkeys
    if party is None:
        return ""
    options = await passkeys.asking(cookie, party, user.id if user else None)
    action = address_of(request, "/sign-in/factor" if user else "/sign-in/passkey")
    return _PASSKEY.substitute(action=escape(action), options=escape(options), hidden=fields)
