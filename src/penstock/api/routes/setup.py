"""The page on which the first person is made, behind the one-time link that `serve` prints."""

from typing import Annotated, Final

from fastapi import Query, Request
from starlette.responses import Response

from penstock.api.auth import open_to_all
from penstock.api.joining import JoiningPage, link_over
from penstock.api.page import escape, html_page
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.domain.errors import InvalidInput, NotFound
from penstock.domain.secret import Secret

_LINK_HOLDER: Final = [open_to_all("there is nobody yet; the one-time link is what opens it")]
_PAGE: Final = JoiningPage("setup", "You are the first one here.")
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
        return link_over(error)
    return _PAGE.show(Secret(link))


@router.post("/setup", include_in_schema=False, dependencies=_LINK_HOLDER)
async def make(request: Request, running: Running) -> Response:
    """Make the first person."""
    typed = await _PAGE.read(request)
    try:
        await running.identity.check_setup(typed.link)  # a form shows no link that is not good
        await running.identity.finish_setup(typed.link, typed.username, typed.chosen())
        await running.decoys.plant()
    except InvalidInput as error:
        return _PAGE.show(typed.link, typed.username, fault=error.message)
    except NotFound as error:
        return link_over(error)
    return html_page("Welcome", _DONE.format(username=escape(typed.username)))
