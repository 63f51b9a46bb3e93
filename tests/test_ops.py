"""What is in ops/ fits the program: its commands, its settings, its metrics."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it has no types of its own
from prometheus_client.parser import text_string_to_metric_families

from penstock.cli.app import COMMANDS
from penstock.settings import Settings
from scripts import image, try_ops
from scripts.pages import metrics

ROOT = Path(__file__).resolve().parent.parent
OPS = ROOT / "ops"
UNITS = sorted((OPS / "systemd").glob("*.service"))
SECURE_ENOUGH = 20
"""In tenths, of what `systemd-analyze security` calls exposure: 10 is a unit without any care."""

# Prometheus makes `up` itself; it is no metric of ours.
NOT_OURS = {"up"}


def told() -> set[str]:
    """Return every name that /metrics can tell, as it stands in an answer."""
    body, _ = metrics.everything().render()
    families = text_string_to_metric_families(body.decode())
    return {sample.name for family in families for sample in family.samples}


def expressions() -> Iterator[tuple[str, str]]:
    """Yield where each PromQL expression stands, and the expression."""
    dashboard = json.loads((OPS / "grafana" / "penstock.json").read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for rule in rules():
        yield rule["alert"], rule["expr"]


def rules() -> list[Any]:
    """Return the alert rules."""
    text = (OPS / "prometheus" / "alerts.yaml").read_text(encoding="utf-8")
    groups: list[Any] = yaml.safe_load(text)["groups"]
    return [rule for group in groups for rule in group["rules"]]


def named_in(expression: str) -> set[str]:
    """Return the metrics that an expression names."""
    return set(re.findall(r"\b(?:penstock_\w+|up)\b(?=[{\[\s)]|$)", expression))


def test_every_metric_that_is_watched_is_told() -> None:
    """Each name in the dashboard and in the alerts is one that /metrics has."""
    wrong = [
        f"{where}: {name}"
        for where, expression in expressions()
        for name in named_in(expression) - told() - NOT_OURS
    ]
    assert wrong == []
    assert all(named_in(expression) for _, expression in expressions())


def test_every_metric_that_is_told_is_shown() -> None:
    """The dashboard has each thing that is told: a metric that nobody looks at is none."""
    shown = {stem(name) for _, one in expressions() for name in named_in(one)}
    assert {stem(name) for name in told()} - shown == set()


def stem(name: str) -> str:
    """Return a metric's name without what says which part of it this is."""
    return re.sub(r"_(total|bucket|sum|count|created)$", "", name)


def test_every_metric_is_in_the_documentation() -> None:
    """The table in docs/how-to/operate.md has each metric, its labels and what it says."""
    page = (ROOT / "docs" / "how-to" / "operate.md").read_text(encoding="utf-8")
    written = [line for line in page.splitlines() if line.startswith("| `penstock_")]
    assert written == metrics.rows()


def test_a_panel_has_a_place_of_its_own() -> None:
    """No panel of the dashboard lies on another, and none runs over its 24 columns."""
    dashboard = json.loads((OPS / "grafana" / "penstock.json").read_text(encoding="utf-8"))
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_an_alert_says_what_to_do() -> None:
    """Each alert has a summary, an action and a severity, and a name of its own."""
    for rule in rules():
        assert rule["annotations"].keys() == {"summary", "action"}
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}
    assert len({rule["alert"] for rule in rules()}) == len(rules()) > 10


def test_what_is_watched_would_be_missed() -> None:
    """The rule above sees a name that is not there."""
    assert named_in('sum(rate(penstock_nonsense_total{a="b"}[5m])) > 0') - told()


def test_compose_names_settings_and_commands_that_exist() -> None:
    """Each PENSTOCK_… in compose.yaml is a setting; each service runs a command that there is."""
    given = {"POSTGRES_PASSWORD": "secret", "PENSTOCK_KEY": "key"}
    services = try_ops.compose(given)["services"]
    assert services.keys() == {"db", "migrate", "api", "worker"}
    commands = {name for section in COMMANDS.values() for name in section}
    for service in (services["migrate"], services["api"], services["worker"]):
        assert service["command"][0] in commands
        assert {name.removeprefix("PENSTOCK_").lower() for name in service["environment"]} <= (
            Settings.model_fields.keys()
        )
        assert service["environment"]["PENSTOCK_PROFILE"] == "production"
        assert service["env_file"] == [{"path": ".env", "required": False}]
    assert services["worker"]["deploy"]["replicas"] == 2
    assert services["worker"]["environment"]["PENSTOCK_METRICS_PORT"] == "9464"
    assert "ports" not in services["worker"]
    assert services["api"]["ports"] == ["127.0.0.1:8321:8321"]


def test_the_image_runs_as_nobody_in_particular() -> None:
    """The last stage ends as a user without rights, checks its health, and takes hashes only."""
    steps = list(image.instructions((OPS / "Dockerfile").read_text(encoding="utf-8")))
    words = dict(steps)
    assert words["USER"] == "10001:10001"
    assert json.loads(words["HEALTHCHECK"].partition(" CMD ")[2])[0] == "python"
    assert (json.loads(words["ENTRYPOINT"]), json.loads(words["CMD"])) == (["penstock"], ["serve"])
    installs = [rest for word, rest in steps if word == "RUN" and "pip install" in rest]
    assert all(re.search(r"--require-hashes|--no-deps|uv==\d", rest) for rest in installs)
    assert {word for word, _ in steps} <= image.STEPS.keys()


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_runs_a_command_that_exists(unit: Path) -> None:
    """Each systemd unit starts a command of ours, as the user `penstock`."""
    parsed = ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]  # systemd minds the case
    parsed.read(unit, encoding="utf-8")
    service = parsed["Service"]
    words = shlex.split(service["ExecStart"].replace("exec ", ""))
    line = words[2] if words[0] == "/bin/sh" else shlex.join(words)
    program, command = line.split()[:2]
    assert program == "/opt/penstock/bin/penstock"
    assert command in {name for section in COMMANDS.values() for name in section}
    assert service["User"] == "penstock"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_takes_the_units(unit: Path, tmp_path: Path) -> None:
    """Systemd finds no fault with a unit, and calls it well closed."""
    text = unit.read_text(encoding="utf-8").replace("/opt/penstock/bin/penstock", "/bin/true")
    copy = tmp_path / unit.name.replace("@", "@1")
    copy.write_text(text, encoding="utf-8")
    verified = subprocess.run(
        ["systemd-analyze", "verify", copy], capture_output=True, check=False, text=True
    )
    assert (verified.returncode, verified.stderr) == (0, "")
    offline = ["systemd-analyze", "security", "--offline=yes", f"--threshold={SECURE_ENOUGH}"]
    subprocess.run([*offline, copy], check=True, capture_output=True)


@pytest.mark.long
@pytest.mark.postgres
@pytest.mark.skipif(sys.platform != "linux", reason="the image is one of Linux")
def test_the_steps_work_in_a_clean_folder() -> None:
    """The Dockerfile's steps build it, compose's services run, sync, back up and restore."""
    program = [sys.executable, str(ROOT / "scripts" / "try_ops.py")]
    tried = subprocess.run(program, capture_output=True, check=False, text=True, timeout=900)
    assert tried.returncode == 0, tried.stdout[-3000:] + tried.stderr[-3000:]
