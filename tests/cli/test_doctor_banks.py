"""What the doctor says of connectors."""

from pathlib import Path

from pydantic import SecretStr

from penstock.cli.doctor import banks
from penstock.settings import Settings


def test_a_connector_is_missed_by_who_has_begun_to_set_it_up(tmp_path: Path) -> None:
    """One that nobody uses is well; one that lacks a half is a warning that names it."""
    begun = {"plaid_client_id": SecretStr("me")}
    untouched = banks.connector_checks(Settings(home=tmp_path))
    assert {check.state for check in untouched} == {"ok"}
    checks = banks.connector_checks(Settings(home=tmp_path, provider_options=begun))
    (lacking,) = [check for check in checks if check.state == "warn"]
    assert "PENSTOCK_PLAID_SECRET" in lacking.remedy
