"""The form in which somebody who holds a one-time link becomes a person: the first, or invited."""

from dataclasses import dataclass
from string import Template
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from penstock.api.form import read_form
from penstock.api.page import escape, html_page
from penstock.domain.errors import InvalidInput, NotFound
from penstock.domain.secret import Secret

_FIELDS: Final = frozenset({"link", "username", "password", "again"})
_FORM: Final = Template("""<p>$welcome Choose how you sign in.</p>
$fault
<form method="post" action="$action">
<input type="hidden" name="link" value="$link">
<label>User name <input name="username" value="$username" autocomplete="username" required
 autofocus maxlength="64"></label>
<label>Password <input name="password" type="password" autocomplete="new-password" required
 minlength="8"></label>
<label>The same again <input name="again" type="password" autocomplete="new-password" required
 minlength="8"></label>
<button>Begin</button>
</form>""")


@dataclass(frozen=True, slots=True)
class Joining:
    """What was typed. `again` is the password once more."""

    link: Secret
    username: str
    password: Secret
    again: Secret

    def chosen(self) -> Secret:
        """Return the password. Raises InvalidInput where it was typed in two ways."""
        if self.password.reveal() != self.again.reveal():
            raise InvalidInput("The two passwords are not the same. Type them again.")
        return self.password


@dataclass(frozen=True, slots=True)
class JoiningPage:
    """The page at `action`, which greets with `welcome`."""

    action: str
    welcome: str

    async def read(self, request: Request) -> Joining:
        """Return what was typed into the form. Raises MalformedRequest."""
        form = await read_form(request, _FIELDS)
        given = {name: form.get(name, "") for name in _FIELDS}
        return Joining(
            Secret(given["link"]),
            given["username"],
            Secret(given["password"]),
            Secret(given["again"]),
        )

    def show(self, link: Secret, username: str = "", *, fault: str = "") -> Response:
        """Show the form to whoever holds a link that is good; a `fault` stands above it."""
        shown = _FORM.substitute(
            action=self.action,
            welcome=self.welcome,
            link=escape(link.reveal()),
            username=escape(username),
            fault=f'<p class="fault" role="alert">{escape(fault)}</p>' if fault else "",
        )
        return html_page("Welcome", shown, 422 if fault else 200)


def link_over(error: NotFound) -> Response:
    """Say that a link is not good, or not any more, and what to do."""
    return html_page("This link is over", f"<p>{escape(error.message)}</p>", 404)
