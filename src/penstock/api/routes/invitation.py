"""The page on which somebody who was invited makes themselves a person."""

from typing import Annotated, Final

from fastapi import Query, Request
from starlette.responses import Response

from penstock.api.auth import open_to_all
from penstock.api.browser import address_of
from penstock.api.joining import JoiningPage, link_over
from penstock.api.page import escape, html_page
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.domain.errors import Conflict, InvalidInput, NotFound
from penstock.domain.secret import Secret

_INVITED: Final = [open_to_all("the one-time link is what opens it")]
_PAGE: Final = JoiningPage("invitation", "You are invited.")
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
        return link_over(error)
    return _PAGE.show(Secret(link))


@router.post("/invitation", include_in_schema=False, dependencies=_INVITED)
async def accept_invitation(request: Request, running: Running) -> Response:
    """Make the person."""
    typed, people = await _PAGE.read(request), running.identity.people
    try:
        await people.check_invitation(typed.link)  # a form shows no link that is not good
        await people.accept(typed.link, typed.username, typed.chosen())
    except (InvalidInput, Conflict) as error:
        return _PAGE.show(typed.link, typed.username, fault=error.message)
    except NotFound as error:
        return link_over(error)
    next_ = escape(address_of(request, "/sign-in"))
    return html_page("Welcome", _DONE.format(username=escape(typed.username), next=next_))
