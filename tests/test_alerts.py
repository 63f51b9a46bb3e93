"""The alert rules as Prometheus reads them, where each process tells the whole stored state."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it has no types of its own

from penstock.observe.states import STATES
from tests.test_ops import OPS, expressions

RULES = OPS / "prometheus" / "alerts.yaml"
GAUGES = {f"penstock_{state.name}" for state in STATES} | {
    "penstock_breaker_state",
    "penstock_quota_left",
}
promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def series(name: str, labels: str, values: str) -> list[dict[str, str]]:
    """Return what two processes tell of the same state."""
    return [
        {"series": f'{name}{{instance="{one}",{labels}}}', "values": values}
        for one in ("api", "worker")
    ]


def firing(folder: Path, told: list[dict[str, str]], alert: str) -> list[dict[str, Any]]:
    """Return the alerts of this name that fire after two hours, as promtool says them."""
    case = {"interval": "1m", "input_series": told}
    case |= {"alert_rule_test": [{"eval_time": "2h", "alertname": alert, "exp_alerts": [{}]}]}
    wanted = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [case]}
    path = folder / "case.json"
    path.write_text(json.dumps(wanted), encoding="utf-8")
    ran = subprocess.run(
        ["promtool", "test", "rules", path], capture_output=True, check=False, text=True
    )
    got = (ran.stdout + ran.stderr).partition("got:")[2]
    return [
        dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', one))
        for one in re.findall(r"Labels:\{.*?\}\s*Annotations:\{.*?\}", got, re.DOTALL)
    ]


def test_no_state_is_added_up_over_processes() -> None:
    """Of each gauge the most or the least is taken first: two processes tell of one connection."""
    bare = [
        f"{where}: {gauge}"
        for where, expression in expressions()
        for gauge in GAUGES
        for found in re.finditer(rf"(.*?)\b{gauge}\b", expression, re.DOTALL)
        if not re.search(r"\b(?:max|min) by \([^)]*\) \($", found[1])
    ]
    assert bare == []


@promtool
def test_prometheus_takes_the_rules() -> None:
    """Prometheus' own tool finds no fault with them."""
    subprocess.run(["promtool", "check", "rules", RULES], check=True)


@promtool
def test_prometheus_takes_the_scrape_configurations(tmp_path: Path) -> None:
    """Each one that docs/how-to/operate.md shows is one of Prometheus', with our rules."""
    page = (OPS.parent / "docs" / "how-to" / "operate.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    shutil.copy(RULES, tmp_path)
    for number, block in enumerate(blocks):
        assert yaml.safe_load(block)["scrape_configs"]
        path = tmp_path / f"{number}.yaml"
        path.write_text(block, encoding="utf-8")
        subprocess.run(["promtool", "check", "config", path], check=True)
    assert len(blocks) == 2


@promtool
@pytest.mark.parametrize(
    ("alert", "name", "labels", "words"),
    [
        ("PenstockParked", "connections_parked", "", "3 connections of sandbox"),
        ("PenstockQuarantine", "quarantined_rows", "", "3 rows of sandbox"),
        ("PenstockConsentEnded", "connections", ',consent="expired"', "3 connections of sandbox"),
        ("PenstockTieOutBroken", "tie_outs", ',status="difference"', "3 accounts of sandbox"),
    ],
)
def test_a_number_is_not_doubled(
    alert: str, name: str, labels: str, words: str, tmp_path: Path
) -> None:
    """Where the API and a worker are scraped, an alert says the number that there is."""
    told = series(f"penstock_{name}", f'connector="sandbox"{labels}', "3x180")
    [one] = firing(tmp_path, told, alert)
    assert words in one["summary"]


@promtool
def test_a_sum_that_is_off_is_told_with_its_amount(tmp_path: Path) -> None:
    """sync.md 30: the alert says how much, by currency; of that connector, and where it is any."""
    told = series("penstock_tie_outs", 'connector="sandbox",status="difference"', "1x180")
    for labels, values in (
        ('connector="sandbox",currency="EUR"', "12.5x180"),
        ('connector="sandbox",currency="JPY"', "0x180"),
        ('connector="other",currency="CHF"', "7x180"),
    ):
        told += series("penstock_tie_out_difference", labels, values)
    [one] = firing(tmp_path, told, "PenstockTieOutBroken")
    assert one["summary"].endswith("bank's balance: 12.50 EUR in all.")


@promtool
def test_counts_of_workers_are_added_up(tmp_path: Path) -> None:
    """One worker of two met nonsense of the bank's: its count is heard, beside the other's."""
    labels = 'connector="sandbox",outcome="contract"'
    none, one = series("penstock_sync_runs_total", labels, "0x180")
    one["values"] = "0x60 1x120"
    [told] = firing(tmp_path, [none, one], "PenstockContractBroken")
    assert told["connector"] == "sandbox"
    assert firing(tmp_path, [none], "PenstockContractBroken") == []
