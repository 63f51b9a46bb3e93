"""Our own pages and the people at them: the cookie, the forms, the way to the sign-in page.

The cookie is `__Host-penstock`: sent to this very host only, over TLS only, kept from scripts
(security.md W1). Browsers count http://127.0.0.1 and http://localhost as safe in this; elsewhere
the pages need TLS. Forms are ours only if the browser says so (`Origin`, `Sec-Fetch-Site`), and if
they carry what only a page of ours could know (W2).
"""

import hmac
import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from penstock.api.page import escape
from penstock.api.peer import is_encrypted
from penstock.api.running import installation_of
from penstock.domain.asking import known_as
from penstock.domain.errors import Forbidden
from penstock.domain.remedy import ask_person
from penstock.domain.secret import Secret
from penstock.identity.browsing import BrowserPerson, form_token, new_cookie
from penstock.identity.passkeys import Party

COOKIE: Final = "__Host-penstock"
FORM_COOKIE: Final = "__Host-penstock-form"
HALF_COOKIE: Final = "__Host-penstock-half"
CSRF: Final = "csrf"
"""The field of a form that `csrf_field` writes and `check_form` reads."""

HOME: Final = "/security"

_MOST_CHARACTERS: Final = 8000
_OURS: Final = re.compile(r"/(?:[!-.0-\[\]-~][!-\[\]-~]*)?")  # one slash first, no backslash at all


class FormRefused(Forbidden):
    """This form did not come from a page of ours, or the page is too old."""


async def person_of(request: Request) -> BrowserPerson | None:
    """Return who is signed in at this browser, if anybody is."""
    token = cookie_of(request)
    if token is None:
        return None
    person = await installation_of(request.scope).identity.browsing.person(token)
    if person is not None:
        request.state.person = person
        known_as(person.user_id, person.session_id)
    return person


def cookie_of(request: Request) -> Secret | None:
    """Return the cookie of a session, whether it is good or not."""
    given = request.cookies.get(COOKIE)
    return Secret(given) if given else None


def set_cookie(answer: Response, token: Secret) -> None:
    """Give the browser the cookie of a session; it is gone with the browser."""
    _set(answer, COOKIE, token)


def drop_cookie(answer: Response) -> None:
    """Have the browser forget its cookies."""
    for name in (COOKIE, FORM_COOKIE, HALF_COOKIE):
        answer.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")


def half_of(request: Request) -> Secret | None:
    """Return the cookie of a sign-in that waits for a second factor."""
    given = request.cookies.get(HALF_COOKIE)
    return Secret(given) if given else None


def set_half_cookie(answer: Response, token: Secret) -> None:
    """Give the browser the cookie of a sign-in that waits for a second factor."""
    _set(answer, HALF_COOKIE, token)


def drop_half_cookie(answer: Response) -> None:
    """Have the browser forget the cookie of a sign-in that waited for a second factor."""
    answer.delete_cookie(HALF_COOKIE, path="/", secure=True, httponly=True, samesite="lax")


def party_of(request: Request) -> Party | None:
    """Return for whom passkeys are made here; None where only an address of numbers names us.

    Browsers make them for names only, `localhost` for one, and not for 127.0.0.1.
    """
    origin = own_origin(request)
    host = urlsplit(origin).hostname or ""
    try:
        ip_address(host)
    except ValueError:
        return Party(origin, host) if host else None
    return None


def ask_to_sign_in(request: Request) -> Response:
    """Send the browser to the sign-in page, and back here afterwards."""
    path = request.url.path
    asked = f"{path}?{request.url.query}" if request.url.query else path
    return go_to(request, f"/sign-in?next={quote(own_path(asked), safe='')}")


def go_to(request: Request, path: str) -> Response:
    """Send the browser to a path of our own, by GET (303)."""
    return RedirectResponse(address_of(request, path), 303)


def address_of(request: Request, path: str) -> str:
    """Return a path of ours as a browser has to ask for it: PENSTOCK_PUBLIC_URL may have one."""
    public = installation_of(request.scope).settings.public_url
    prefix = (public.path or "").rstrip("/") if public else ""
    return f"{prefix}{own_path(path)}"


def own_path(text: str) -> str:
    r"""Return a path with its query if it can be nothing but ours, and the account page if not.

    `//host`, `/\host`, `https:host`, control characters and whatever else a browser might take for
    another place are not ours.
    """
    ours = len(text) <= _MOST_CHARACTERS and _OURS.fullmatch(text)
    return text if ours else HOME


def csrf_field(person: BrowserPerson) -> str:
    """Return the HTML that goes into each form of a page for this person."""
    return hidden(CSRF, person.csrf)


def hidden(name: str, value: str) -> str:
    """Return a hidden field."""
    return f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'


def check_form(request: Request, person: BrowserPerson, form: Mapping[str, str]) -> None:
    """Raise FormRefused unless a page of ours, made for this person, has sent this form."""
    check_origin(request)
    _check_token(person.csrf, form)


def check_stranger(request: Request, form: Mapping[str, str]) -> Secret:
    """Do the same for the form of somebody who has not signed in; return their form's cookie.

    Else another site could sign the browser in as somebody else (login CSRF).
    """
    check_origin(request)
    cookie = Secret(request.cookies.get(FORM_COOKIE, ""))
    if not cookie.reveal():
        raise FormRefused(
            "Your browser sent no cookie along.",
            remedy=ask_person("Allow cookies for this site, and use https:// or 127.0.0.1."),
        )
    _check_token(form_token(cookie, "stranger"), form)
    return cookie


def stranger(request: Request) -> tuple[Secret, str]:
    """Return the cookie of a form for somebody who has not signed in, and its hidden field."""
    given = request.cookies.get(FORM_COOKIE, "")
    cookie = Secret(given) if given else new_cookie()
    return cookie, hidden(CSRF, form_token(cookie, "stranger"))


def set_form_cookie(answer: Response, cookie: Secret) -> None:
    """Give the browser the cookie of a form for somebody who has not signed in."""
    _set(answer, FORM_COOKIE, cookie)


def check_origin(request: Request) -> None:
    """Raise FormRefused unless the browser says that the form came from this very origin.

    A browser that says nothing of it is refused as well: every one of the last years does.
    """
    headers = request.headers
    sites, origins = headers.getlist("sec-fetch-site"), headers.getlist("origin")
    cross = bool(sites) and sites != ["same-origin"]
    elsewhere = bool(origins) and origins != [own_origin(request)]
    if cross or elsewhere or not (sites or origins):
        raise FormRefused(
            remedy=ask_person("Open the page here, and send the form from there."),
        )


def own_origin(request: Request) -> str:
    """Return our own origin, as a browser writes it: by PENSTOCK_PUBLIC_URL, or by the request."""
    public = installation_of(request.scope).settings.public_url
    if public is not None:
        parts = urlsplit(str(public))
        return f"{parts.scheme}://{parts.netloc}"
    encrypted = is_encrypted(request.scope, request.app.state.proxies)
    return f"{'https' if encrypted else 'http'}://{request.url.netloc}"


def _set(answer: Response, name: str, value: Secret) -> None:
    answer.set_cookie(name, value.reveal(), path="/", secure=True, httponly=True, samesite="lax")


def _check_token(wanted: str, form: Mapping[str, str]) -> None:
    given = form.get(CSRF, "").encode("utf-8", "surrogatepass")
    if not hmac.compare_digest(wanted.encode(), given):
        raise FormRefused("The page was open for too long, or in another session: load it anew.")
