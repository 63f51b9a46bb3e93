"""The page of commands."""

import inspect
from collections.abc import Iterator

import click

from penstock.cli.app import app
from penstock.settings import Settings
from scripts.pages.table import table

TOP = """# Commands

"""


def page() -> str:
    """Return the page."""
    return TOP + "".join(section(context) for context in commands(root()))


def root() -> click.Context:
    """Return a context for `penstock` itself."""
    return click.Context(app, info_name="penstock", **app.context_settings)


def commands(context: click.Context) -> Iterator[click.Context]:
    """Yield a context for a command and all the commands under it, in their order."""
    yield context
    group = context.command
    if isinstance(group, click.Group):
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if command is not None and not command.hidden:
                yield from commands(click.Context(command, info_name=name, parent=context))


def section(context: click.Context) -> str:
    """Return what there is to know about one command."""
    command = context.command
    usage = " ".join(command.collect_usage_pieces(context))
    help_text = paragraphs(command.help or "")
    epilog = f"{command.epilog}\n\n" if command.epilog else ""
    depth = "#" * (2 + (context.parent is not None))
    return (
        f"{depth} {context.command_path}\n\n`{context.command_path} {usage}`\n\n{help_text}\n\n"
        f"{table(['option', 'environment', 'what it does'], options(context))}{epilog}"
    )


def paragraphs(help_text: str) -> str:
    """Return a help text as Markdown: what click is told not to wrap is a block."""
    parts = inspect.cleandoc(click.unstyle(help_text)).split("\n\n")
    blocks = [part.removeprefix("\b\n") for part in parts]
    return "\n\n".join(
        f"```\n{block}\n```" if part != block else block
        for part, block in zip(parts, blocks, strict=True)
    )


def options(context: click.Context) -> list[tuple[str, str, str]]:
    """Return a row for each option that the command's own help shows."""
    rows = []
    for option in context.command.params:
        record = option.get_help_record(context)
        if isinstance(option, click.Option) and record is not None:
            rows.append((f"`{record[0]}`", environment(context, option), record[1]))
    return rows


def environment(context: click.Context, option: click.Option) -> str:
    """Return the variable that says the same as the option, if there is one."""
    if option.envvar:
        names = [option.envvar] if isinstance(option.envvar, str) else option.envvar
        return ", ".join(f"`{name}`" for name in names)
    name = option.name or ""
    if option.allow_from_autoenv:
        return f"`{context.auto_envvar_prefix}_{name.upper()}`"
    return f"`PENSTOCK_{name.upper()}`" if name in Settings.model_fields else ""
