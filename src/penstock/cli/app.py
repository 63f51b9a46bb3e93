"""The `penstock` command: which commands there are, and how each of them ends.

`penstock --help` imports no command: a command's module is imported when that command runs.
"""

import importlib
import sys
from collections.abc import Mapping
from typing import Any, Final

import click

from penstock.cli.failure import EXIT_CODES, Failed, Interrupted, failed_by
from penstock.cli.flags import PREFIX, Flags, common_options
from penstock.domain.asking import Asking, Via, asked_by
from penstock.domain.errors import PenstockError

Sections = Mapping[str, Mapping[str, tuple[str, str]]]
"""By the section's title and the command's name: where the command is, and what it does."""

COMMANDS: Final[Sections] = {
    "Start": {
        "demo": ("penstock.cli.demo:demo", "See it work: a bank, a link, three syncs, a tie-out."),
        "serve": ("penstock.cli.serve:serve", "Run the API, and keep connections fresh."),
        "worker": ("penstock.cli.worker:worker", "Sync, on any number of machines."),
        "sandbox": ("penstock.cli.sandbox:sandbox", "Run the fake bank alone."),
        "doctor": ("penstock.cli.doctor:doctor", "Say what is wrong here, and how to mend it."),
    },
    "People": {
        "user": ("penstock.cli.user:user", "Look after people: add, invite, disable."),
        "factor": ("penstock.cli.factor:factor", "Second factors: codes, recovery codes."),
        "login": ("penstock.cli.sign_in:login", "Sign in, and store the session."),
        "logout": ("penstock.cli.sign_in:logout", "End the stored session."),
        "whoami": ("penstock.cli.sign_in:whoami", "Say who is signed in."),
        "sessions": ("penstock.cli.sessions:sessions", "List where you are signed in, and end it."),
        "password": ("penstock.cli.sessions:password", "Change your password."),
        "consents": ("penstock.cli.programs:consents", "List the programs that you let in."),
        "client": ("penstock.cli.programs:client", "Register programs of others."),
        "token": ("penstock.cli.tokens:token", "Make tokens for scripts, and end them."),
    },
    "Banks": {
        "connectors": ("penstock.cli.connections:connectors", "List the banks that can be linked."),
        "institutions": (
            "penstock.cli.connections:institutions",
            "Find the banks that a connector reaches.",
        ),
        "connect": ("penstock.cli.connect:connect", "Link a bank, or renew a consent."),
        "connections": ("penstock.cli.connections:connections", "List what is linked, how fresh."),
        "disconnect": ("penstock.cli.connections:disconnect", "End a link, and revoke it there."),
        "sync": ("penstock.cli.sync:sync", "Sync now."),
        "syncs": ("penstock.cli.syncs:syncs", "List past syncs, each one explained."),
        "import": ("penstock.cli.importing:import_files", "Bring in a bank's files."),
        "mappings": ("penstock.cli.mappings:mappings", "How CSV files are read."),
        "undo": ("penstock.cli.undo:undo", "Take back what the latest sync did."),
        "replay": ("penstock.cli.replay:replay", "Read again what the bank said, unasked."),
        "quarantine": ("penstock.cli.quarantine:quarantine", "Rows that could not be read."),
        "suggestions": ("penstock.cli.suggestions:suggestions", "Decide what is not certain."),
        "hooks": ("penstock.cli.hooks:hooks", "Show which banks tell of news by themselves."),
        "budgets": ("penstock.cli.budgets:budgets", "Show how often banks may be asked."),
    },
    "Reading": {
        "accounts": ("penstock.cli.accounts:accounts", "List accounts."),
        "balances": ("penstock.cli.accounts:balances", "List balances."),
        "holdings": ("penstock.cli.holdings:holdings", "List what accounts hold: shares, coins."),
        "securities": (
            "penstock.cli.securities:securities",
            "What is held, by all its names.",
        ),
        "networth": ("penstock.cli.networth:networth", "Add up what it is all worth."),
        "price": (
            "penstock.cli.price:price",
            "Set your own prices; accept doubted ones.",
        ),
        "tie-out": ("penstock.cli.tie_out:tie_out", "Say whether the accounts add up."),
        "transactions": ("penstock.cli.transactions:transactions", "List transactions."),
        "changes": ("penstock.cli.changes:changes", "Follow what changed."),
        "quote": ("penstock.cli.quote:quote", "Prices now."),
        "rates": ("penstock.cli.rates:rates", "Exchange rates, and those that you set."),
        "sources": ("penstock.cli.sources:sources", "Where prices come from."),
        "export": ("penstock.cli.export:export", "Take everything out, as CSV or JSON lines."),
    },
    "Operations": {
        "db": ("penstock.cli.database:database", "Upgrade and check the database."),
        "audit": ("penstock.cli.audit:audit", "Who did what; and that the log of it is whole."),
        "keys": ("penstock.cli.keys:keys", "Show and change the keys that open the secrets."),
        "backup": ("penstock.cli.backup:backup", "Write everything into one file, while it runs."),
        "restore": ("penstock.cli.backup:restore", "Fill an empty place from such a file."),
        "version": ("penstock.cli.version:version", "Print the version."),
    },
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and by one line, and imports one to run it."""

    def __init__(self, *args: Any, sections: Sections | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sections = sections or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return every command's name."""
        lazy = [name for section in self.sections.values() for name in section]
        return [*lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None where there is none of that name."""
        for section in self.sections.values():
            if cmd_name in section:
                module, _, attribute = section[cmd_name][0].partition(":")
                command: click.Command = getattr(importlib.import_module(module), attribute)
                return command
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is meant; a wrong name is answered with the near ones."""
        names = self.list_commands(ctx)
        if args and args[0] not in names and not args[0].startswith("-"):
            raise click.exceptions.NoSuchCommand(args[0], possibilities=names, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, section by section, without importing any."""
        for title, section in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(name, line) for name, (_, line) in section.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and turn what went wrong into words and an exit code."""
        try:
            with asked_by(Asking(Via.LOCAL)):
                return super().invoke(ctx)
        except PenstockError as error:
            raise failed_by(error) from error
        except KeyboardInterrupt:
            raise Interrupted("interrupted") from None
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if isinstance(error, OSError) and not _is_closed_pipe(error):
                raise Failed(str(error)) from error
            if isinstance(error, OSError):
                raise BrokenPipeError(*error.args) from error
            if ctx.ensure_object(Flags).verbose:
                raise
            raise _database_failed(error) or _bug(error) from error


def _is_closed_pipe(error: OSError) -> bool:
    """Windows tells EINVAL where others tell EPIPE, once the reader of our output has gone."""
    import errno

    return error.errno == errno.EPIPE or (sys.platform == "win32" and error.errno == errno.EINVAL)


def _database_failed(error: Exception) -> Failed | None:
    """Put into words that the database itself failed; told by name, for its library is heavy."""
    if type(error).__module__.partition(".")[0] not in {"sqlalchemy", "sqlite3", "alembic"}:
        return None
    what = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    return Failed(
        f"the database cannot be used: {what}",
        remedy="Run `penstock doctor` to see what is wrong with it.",
    )


def _bug(error: Exception) -> Failed:
    from penstock.observe.redact import redact_text

    return Failed(
        f"this should not happen: {type(error).__name__}: {redact_text(str(error))}",
        remedy="Run it again with --verbose to see where, and report it.",
    )


@click.command(
    cls=LazyGroup,
    sections=COMMANDS,
    params=common_options(),
    epilog=EXIT_CODES,
    context_settings={
        "auto_envvar_prefix": PREFIX,
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
    },
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    allow_from_autoenv=False,
    callback=lambda ctx, _parameter, value: _print_version(ctx) if value else None,
    help="Print the version and exit.",
)
def app() -> None:
    """A financial data hub of your own: banks linked by OAuth, synced exactly once.

    The commands talk to a running server (--url), or, without one, to the app run in this
    process over the home folder (--home). Each flag has a twin in the environment:
    --home is PENSTOCK_HOME, `sync --all` is PENSTOCK_SYNC_ALL.
    """


def _print_version(ctx: click.Context) -> None:
    from penstock.cli.version import installed_version

    click.echo(f"penstock {installed_version()}")
    ctx.exit()
