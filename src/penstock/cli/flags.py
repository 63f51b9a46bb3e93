"""What every command takes: where the installation or the server is, and how much to say.

The flags may stand before the command or after it. They beat the environment, which beats
`$PENSTOCK_HOME/.env`; all three come together in `penstock.settings`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from penstock.settings import Settings

PREFIX: Final = "PENSTOCK"


@dataclass
class Flags:
    """The flags that were given; None is not given."""

    given: dict[str, Any] = field(default_factory=dict)
    verbose: bool = False

    def settings(self, **more: Any) -> "Settings":
        """Read the settings under these flags and `more`. Raises InvalidInput."""
        from penstock.settings import read_settings

        flags = {**self.given, **{name: one for name, one in more.items() if one is not None}}
        if self.verbose:
            flags["log_level"] = "DEBUG"
        return read_settings(**flags)


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    flags = context.ensure_object(Flags)
    if parameter.name == "verbose":
        flags.verbose = flags.verbose or bool(value)
    elif value is not None:
        flags.given[str(parameter.name)] = value


def _options(*, hidden: bool) -> list[click.Parameter]:
    def option(*names: str, **how: Any) -> click.Option:
        return click.Option(names, expose_value=False, callback=_remember, hidden=hidden, **how)

    return [
        option(
            "--home",
            metavar="FOLDER",
            allow_from_autoenv=False,
            help="The folder of this installation [PENSTOCK_HOME].",
        ),
        option(
            "--url",
            metavar="URL",
            allow_from_autoenv=False,
            help="A running server; without one the app runs in this process [PENSTOCK_URL].",
        ),
        option(
            "--token",
            metavar="TOKEN",
            allow_from_autoenv=False,
            help="An access token instead of the stored session; others on this machine can see "
            "a flag, so better [PENSTOCK_TOKEN].",
        ),
        option(
            "--profile",
            type=click.Choice(["development", "staging", "production"]),
            allow_from_autoenv=False,
            help="How strict the defaults are [PENSTOCK_PROFILE].",
        ),
        option(
            "--verbose",
            is_flag=True,
            envvar=f"{PREFIX}_VERBOSE",
            help="Log to stderr what goes on, and show where a bug is [PENSTOCK_VERBOSE].",
        ),
    ]


class Command(click.Command):
    """A command, which takes the common flags too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params = [*self.params, *_options(hidden=True)]


class Commands(click.Group):
    """A few commands under one word: `penstock user add`."""

    command_class = Command

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params = [*self.params, *_options(hidden=True)]


def named_as(*flags: str, twin: str, **how: Any) -> Callable[[Any], Any]:
    """Declare an option whose twin PENSTOCK_… is named as the flag is, not as its parameter."""
    return click.option(*flags, envvar=f"{PREFIX}_{twin}", allow_from_autoenv=False, **how)


def common_options() -> list[click.Parameter]:
    """Return the common flags as `penstock --help` shows them."""
    return _options(hidden=False)


pass_flags = click.make_pass_decorator(Flags, ensure=True)

as_json: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--json",
    "as_json",
    is_flag=True,
    envvar=f"{PREFIX}_JSON",
    help="Print JSON on stdout, and nothing else there.",
)


def shown_first(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flags of one that shows what it would do, and then asks."""
    for add in (
        as_json,
        click.option("--dry-run", is_flag=True, help="Only show what it would do."),
        click.option("--yes", is_flag=True, help="Do not ask."),
    ):
        command = add(command)
    return command
