"""The house rules that no linter knows."""

import ast
import inspect
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from penstock.connectors import KINDS
from penstock.domain import errors

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "penstock"

LONGEST = 300
LONGER_FOR_A_REASON = {
    "src/penstock/db/migrations/versions/v0001_start.py": "the whole first schema, written down",
}
"""Path of a file that may be longer than that: why it is still one idea."""

# Words that say nothing, and words of others for what has a name here (docs/glossary.md).
NOT_OUR_WORDS = frozenset(
    "util utils helper helpers common misc manager managers service services "
    "item items member members requisition requisitions entry entries data info handle".split()
)

MONEY = re.compile(r"(^|_)(amount|balance|price|cost|money|total|quantity|rate|worth)s?($|_)")
NO_FLOATS = ("domain", "connectors", "db", "engine", "quotes", "api")
FLOATS_FOR_A_REASON = {
    "src/penstock/db/matching.py": "a first guess on SQLite; what is close is compared exactly",
}
FLOAT_COLUMNS = {"Float", "FLOAT", "REAL", "Double", "DOUBLE", "DOUBLE_PRECISION"}

NAMELESS = ("api", "cli", "db", "engine", "identity", "oauth", "outbound", "vault", "worker")
"""Where no provider is known by name: what is special about one is in its connector."""

PATCHES = {"Mock", "MagicMock", "AsyncMock", "sleep"}


def python_files(*folders: str) -> list[Path]:
    """Return our Python files under these folders of the project."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    """Return a file's path in the project, as it is written in a message."""
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    """Parse a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def called(node: ast.AST) -> str:
    """Return the last word of what a call calls: `commit` for `connection.commit()`."""
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    return getattr(function, "attr", getattr(function, "id", ""))


def listed(found: Iterable[str]) -> str:
    """Return what was found, one to a line, for a message."""
    return "\n".join(["this should not be there:", *sorted(found)])


def places(path: Path, nodes: Iterator[ast.AST]) -> list[str]:
    """Return where the nodes stand, for a message."""
    return [f"{name_of(path)}:{getattr(node, 'lineno', 0)}" for node in nodes]


FILES = python_files("src", "tests", "scripts", "benchmarks")


def test_a_file_has_one_idea() -> None:
    """No file is longer than 300 lines, unless it is listed here with its reason."""
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    long = {name for name, length in lengths.items() if length > LONGEST}
    assert not long ^ set(LONGER_FOR_A_REASON), listed(long ^ set(LONGER_FOR_A_REASON))


def test_a_providers_name_is_its_connectors_alone() -> None:
    """The engine, the database, the API and the command line know no provider by name."""
    names = [kind.name for kind in KINDS if kind.name != "sandbox"]
    long = "|".join(name for name in names if len(name) > 2)  # "up" is a word of everybody's
    named = re.compile(rf"\b({long})\b|['\"]({'|'.join(names)})['\"]", re.IGNORECASE)
    wrong = [
        f"{name_of(path)}: {found[0]}"
        for path in python_files(*(f"src/penstock/{layer}" for layer in NAMELESS))
        if (found := named.search(path.read_text(encoding="utf-8")))
    ]
    assert not wrong, listed(wrong)


def test_a_module_is_named_for_what_is_in_it() -> None:
    """No module and no package has a name that says nothing, or another's word for our things."""
    named = [name_of(path) for path in FILES]
    wrong = [name for name in named if NOT_OUR_WORDS & set(re.split(r"[/._]", name))]
    assert not wrong, listed(wrong)


def test_the_domain_is_the_standard_library_and_itself() -> None:
    """What things are depends on nothing that somebody else can change."""
    foreign = set()
    for path in python_files("src/penstock/domain"):
        for node in ast.walk(tree_of(path)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            foreign |= {
                f"{name_of(path)}: {name}"
                for name in names
                if not name.startswith("penstock.domain")
                and name.partition(".")[0] not in sys.stdlib_module_names
            }
    assert not foreign, listed(foreign)


def test_the_database_code_never_commits() -> None:
    """Queries run in a transaction that somebody else began and ends: the lane, for one act."""
    commits = [
        place
        for path in python_files("src/penstock/db")
        for place in places(path, (n for n in ast.walk(tree_of(path)) if called(n) == "commit"))
    ]
    assert not commits, listed(commits)


def test_no_money_is_a_float() -> None:
    """No amount, balance, price, quantity or rate is declared as a float or stored as one."""
    floats = []
    looked_at = [path for folder in NO_FLOATS for path in python_files(f"src/penstock/{folder}")]
    for path in (one for one in looked_at if name_of(one) not in FLOATS_FOR_A_REASON):
        floats += places(path, (node for node in ast.walk(tree_of(path)) if is_float_money(node)))
    assert not floats, listed(floats)


def is_float_money(node: ast.AST) -> bool:
    """Say whether a node declares money as a float, or makes a column of floats."""
    if isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None:
        target = node.arg if isinstance(node, ast.arg) else ast.unparse(node.target)
        declared = {n.id for n in ast.walk(node.annotation) if isinstance(n, ast.Name)}
        return "float" in declared and MONEY.search(target) is not None
    if isinstance(node, ast.FunctionDef) and node.returns is not None:
        return ast.unparse(node.returns) == "float" and MONEY.search(node.name) is not None
    return isinstance(node, ast.Attribute | ast.Name) and ast.unparse(node).split(".")[-1] in (
        FLOAT_COLUMNS
    )


@pytest.mark.parametrize(
    "wrong", ["amount: float = 0", "def f(price: float | None): ...", "sa.Float()", "Double"]
)
def test_a_float_would_be_seen(wrong: str) -> None:
    """The rule above recognises what it forbids."""
    assert any(is_float_money(node) for node in ast.walk(ast.parse(wrong)))


def test_every_test_says_what_it_promises() -> None:
    """Each test function has a docstring: read one after another, they are the specification."""
    silent = [
        place
        for path in python_files("tests")
        for place in places(
            path,
            (
                node
                for node in ast.walk(tree_of(path))
                if isinstance(node, ast.FunctionDef)
                and node.name.startswith("test_")
                and not ast.get_docstring(node)
            ),
        )
    ]
    assert not silent, listed(silent)


SLOW_ON_PURPOSE = {
    "tests/outbound/test_hostile.py": "its servers send a byte now and then",
    "tests/waiting.py": "there one asks again until another process has done its part",
    "tests/torture/pause.py": "there the moment at which a process dies is what counts",
}


def test_nothing_is_patched_and_nobody_sleeps() -> None:
    """Tests hand in fakes and clocks; they neither replace parts of the program nor wait."""
    patched = [
        place
        for path in python_files("tests")
        if name_of(path) not in SLOW_ON_PURPOSE
        for place in places(path, (n for n in ast.walk(tree_of(path)) if is_patch(n)))
    ]
    assert not patched, listed(patched)


def is_patch(node: ast.AST) -> bool:
    """Say whether a node patches something, or sleeps: `sleep(0)` only lets others run."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return "mock" in ast.unparse(node)
    if called(node) in {"setattr", "setitem"}:
        return "monkeypatch" in ast.unparse(node)
    return called(node) in PATCHES and not ast.unparse(node).endswith("sleep(0)")


def test_nothing_is_left_for_later() -> None:
    """No stub and no note to ourselves: what is not there yet is an issue, not a comment."""
    later = re.compile("|".join(("NotImplemented" + "Error", "TO" + "DO", "FIX" + "ME")))
    left = [
        f"{name_of(path)}:{number}"
        for path in FILES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if later.search(line)
    ]
    assert not left, listed(left)


def test_every_exception_has_its_reason() -> None:
    """A rule is set aside by name, and the same line says why: `# noqa: S608 - a constant`."""
    exception = re.compile(r"# (noqa|type: ignore)(?P<rest>.*)")
    reasoned = re.compile(r"^(: [A-Z]+\d+(, ?[A-Z]+\d+)*|\[[a-z, -]+\])\s+\S")
    bare = [
        f"{name_of(path)}:{number}"
        for path in FILES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (found := exception.search(line)) and not reasoned.match(found["rest"])
        if path != Path(__file__)
    ]
    assert not bare, listed(bare)


def test_the_error_tree_is_drawn_as_it_is() -> None:
    """The drawing at the top of domain/errors.py shows every error, under what it is a kind of."""
    drawn = re.findall(r"^([│├└─ ]*)(\w+) {2,}\S", errors.__doc__ or "", flags=re.MULTILINE)
    declared = {
        name: kind
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.PenstockError)
    }
    assert {name: len(indent) // 4 for indent, name in drawn} == {
        name: len([parent for parent in kind.__mro__ if parent in declared.values()]) - 1
        for name, kind in declared.items()
    }


def test_the_package_is_light() -> None:
    """`import penstock` brings no web framework, no database and no HTTP library with it."""
    program = "import sys, penstock; print('\\n'.join(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    heavy = {"aiohttp", "click", "fastapi", "httpx2", "pydantic", "rich", "sqlalchemy", "starlette"}
    assert heavy & set(loaded.stdout.split()) == set()


@pytest.mark.skipif(
    shutil.which("git") is None or not (ROOT / ".git").exists(),
    reason="only a checkout knows which files are tracked",
)
def test_no_tracked_file_names_a_machine() -> None:
    """No address of a package registry, and no path of somebody's computer, is in the project."""
    folders = [f"/{folder}/" for folder in ("work", "root", "home/[a-z]+", "Users/[a-z]+")]
    registries = [
        "pythonhosted",
        r"pypi\.",
        r"registry\.npm",
        r"deb\.debian",
        r"(?<!/v3)/simple[/\"']",
    ]
    wrong = re.compile("|".join([*folders, *registries]))
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    named = []
    for name in filter(None, tracked.stdout.split("\0")):
        path = ROOT / name
        if path == Path(__file__) or not path.is_file():
            continue
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        named += [f"{name}:{number}" for number, line in enumerate(lines, 1) if wrong.search(line)]
    assert not named, listed(named)
