"""`penstock doctor --security` as a person and a program read it."""

import json
from typing import Any

from penstock.cli.doctor import security
from penstock.cli.doctor.security import grading
from penstock.cli.doctor.security.finding import Finding, Grade, Graded
from penstock.domain.checklist import checklist
from tests.cli.conftest import Terminal
from tests.cli.modes import posix
from tests.cli.stored import in_production


def graded(terminal: Terminal, code: int, **environment: str) -> dict[str, dict[str, Any]]:
    """Return each row by its id."""
    result = terminal.run("doctor", "--security", "--json", **environment)
    assert result.exit_code == code, result.output
    told = json.loads(result.stdout)
    assert told["ok"] == (code == 0)
    assert sum(told["counts"].values()) == len(told["rows"])
    return {row["id"]: row for row in told["rows"]}


def test_every_row_is_graded(reader: Terminal) -> None:
    """A sound installation fails in nothing; each row says what was seen, or what tries it."""
    rows = graded(reader, 0)
    assert list(rows) == [row.id for row in checklist()]
    for row in checklist():
        told = rows[row.id]
        assert bool(told["evidence"]) == (told["grade"] != "by construction")
        assert told["tests"] == row.tests
        if not row.looked_at:
            assert told["grade"] == "by construction"
    assert {rows[name]["grade"] for name in ("L1", "T4", "R6", "K1", "K5", "X1")} == {"ok"}


def test_a_person_can_read_it(reader: Terminal) -> None:
    """Each row has its id, grade and promise; at the end stands how many of each there are."""
    said = reader.good("doctor", "--security").stdout
    for row in checklist():
        assert f"\n{row.id}  " in said
    assert "tests/security/test_l2_*.py" in said
    assert "by construction" in said.splitlines()[-1]


@posix
def test_what_fails_ends_with_one(stranger: Terminal) -> None:
    """A row that does not hold is named with what to do, and the exit code is 1."""
    stranger.sign_in()
    graded(stranger, 0)
    (stranger.home / "penstock.db").chmod(0o644)
    stranger.home.chmod(0o755)
    (row,) = [row for row in graded(stranger, 1).values() if row["grade"] == "failed"]
    assert row["id"] == "K4"
    assert "chmod" in row["evidence"][0]["remedy"]
    said = stranger.run("doctor", "--security").stdout
    assert "K4  failed" in said


def test_a_lost_key_is_no_traceback(stranger: Terminal) -> None:
    """Where the key is gone, each row that needs it fails in words."""
    stranger.sign_in()
    (stranger.home / "key").unlink()
    rows = graded(stranger, 1)
    assert {name for name, row in rows.items() if row["grade"] == "failed"} >= {"K1", "K5", "T4"}


def test_nothing_to_see_is_said(stranger: Terminal) -> None:
    """Before there is a database, what is in it wants attention: it is never called ok."""
    rows = graded(stranger, 0)
    unseen = {name for name, _ in grading.OF_STORE}
    assert not [name for name in unseen if rows[name]["grade"] == "ok"]
    assert not stranger.home.exists()


def test_a_public_address_is_asked(reader: Terminal) -> None:
    """One at which nobody answers wants attention, and no other address is asked."""
    rows = graded(reader, 1, PENSTOCK_PUBLIC_URL="https://127.0.0.1:9")
    assert rows["W1"]["grade"] == "failed"
    assert rows["W3"]["grade"] == "attention"


def test_the_worst_of_a_row_is_its_grade() -> None:
    """One failure among what is fine is a failure; nothing to see is by construction."""
    row = checklist()[0]
    found = {grade: Finding(grade, "seen") for grade in Grade}

    def grade(*grades: Grade) -> Grade:
        return Graded(row, [found[one] for one in grades]).grade

    assert grade() is Grade.BY_CONSTRUCTION
    assert grade(Grade.OK) is Grade.OK
    assert grade(Grade.OK, Grade.ATTENTION) is Grade.ATTENTION
    assert grade(Grade.OK, Grade.FAILED, Grade.ATTENTION) is Grade.FAILED


def test_no_secret_is_told() -> None:
    """K3: what is given as a secret is in nothing that the doctor says."""
    secret = "canary-0123456789abcdef"
    told = grading.grade(
        in_production(
            metrics_token=secret, provider_options={"x_url": f"http://a:{secret}@10.0.0.1/{secret}"}
        ),
        None,
        None,
    )
    said = json.dumps(security.as_json(told))
    assert "10.0.0.1" in said
    assert secret not in said
