"""The documentation says what the program does: it is made from the code, or compared with it."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from penstock.settings import Settings
from scripts import reference
from scripts.pages import api, cli

ROOT = Path(__file__).resolve().parent.parent
BY_HAND = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
    if reference.FOLDER not in path.parents
)
COMMANDS = {context.command_path: context for context in cli.commands(cli.root())}
OPERATIONS = {f"{method.upper()} {path}": shape for method, path, shape in api.operations()}


def name_of(path: Path) -> str:
    """Return a page's name, for the test that is about it."""
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", [*reference.PAGES, *reference.PARTS])
def test_a_reference_page_is_what_the_code_says(page: str) -> None:
    """Commands, routes, settings, connectors and the checklist stand in docs as they are now."""
    assert reference.is_current(page), "run `uv run scripts/reference.py`"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_says_what_it_does(command: str) -> None:
    """Every command and every option of it has a help text."""
    context = COMMANDS[command]
    assert context.command.help
    options = [one for one in context.command.get_params(context) if isinstance(one, click.Option)]
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize("setting", Settings.model_fields)
def test_a_setting_says_what_it_does(setting: str) -> None:
    """Every setting has a description."""
    assert Settings.model_fields[setting].description


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_route_says_what_it_does(operation: str) -> None:
    """Every route has a summary and a tag, and says of each parameter and answer what it is."""
    shape = OPERATIONS[operation]
    assert shape.get("summary")
    assert shape.get("tags")
    asked = [one for one in shape.get("parameters", ()) if one["in"] != "path"]
    assert [one["name"] for one in asked if not one.get("description")] == []
    assert [code for code, one in shape["responses"].items() if not one.get("description")] == []


@pytest.mark.parametrize("page", BY_HAND, ids=name_of)
def test_a_page_names_commands_that_exist(page: Path) -> None:
    """Every `penstock …` that a page tells people to type is a command, and has those options."""
    wrong = [line for line in told(page.read_text(encoding="utf-8")) if fault(line)]
    assert wrong == []


@pytest.mark.parametrize("page", BY_HAND, ids=name_of)
def test_a_page_links_to_what_is_there(page: Path) -> None:
    """A link to a file of the project leads to one."""
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    inside = [target for target in targets if not re.match(r"[a-z]+:", target)]
    nowhere = [target for target in inside if not (page.parent / target).exists()]
    assert not nowhere, "\n".join(["these lead nowhere:", *nowhere])


def test_the_readme_tells_how_to_try_and_how_to_test() -> None:
    """The two commands that do everything from a clean checkout stand in the README."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert "uv run penstock demo" in lines
    assert "uv run pytest" in lines


@pytest.mark.parametrize(
    "line", ["penstock nonsense", "penstock sync --nonsense", "penstock user nonsense"]
)
def test_a_wrong_command_would_be_seen(line: str) -> None:
    """The rule above recognises what is not there."""
    assert fault(line)


def told(text: str) -> Iterator[str]:
    """Yield each command of ours that a page shows, in a block or in a line."""
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    outside = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    for shown in [*lines, *re.findall(r"`([^`\n]+)`", outside)]:
        found = re.match(r"(?:\$ |PS> |uv run )*(penstock(?: [^|>&;#]*)?)(?:$|[|>&;#])", shown)
        if found:
            yield found[1].strip()


def fault(line: str) -> str | None:
    """Return what is wrong with a command line, if anything."""
    context = COMMANDS["penstock"]
    known = known_options(context)
    words = iter(shlex.split(line)[1:])
    for word in words:
        if word.startswith("--"):
            option = word.partition("=")[0]
            if option not in known:
                return f"{context.command_path} has no option {option}"
            if known[option] and "=" not in word:
                next(words, None)
        elif isinstance(context.command, click.Group):
            path = f"{context.command_path} {word}"
            if path not in COMMANDS and usual(context):
                context = usual(context) or context
                continue
            if path not in COMMANDS:
                return f"there is no command {path}"
            context = COMMANDS[path]
            known |= known_options(context) | known_options(usual(context) or context)
    return None


def usual(context: click.Context) -> click.Context | None:
    """Return the command that a group runs where none is named: `penstock rates USD`."""
    name = getattr(context.command, "usual", None)
    return COMMANDS[f"{context.command_path} {name}"] if name else None


def known_options(context: click.Context) -> dict[str, bool]:
    """Return the long options of a command, and whether each takes a value."""
    return {
        name: isinstance(one, click.Option) and not one.is_flag and not one.count
        for one in context.command.get_params(context)
        for name in (*one.opts, *one.secondary_opts)
    }
