"""What an operator may set (product.md): where it is read from, and what is never shown."""

from pathlib import Path

from penstock.settings import Settings, options_set, read_settings


def test_what_connectors_are_told_is_read_from_the_file(tmp_path: Path) -> None:
    """An option of a connector stands in the home folder's `.env`, as any setting does."""
    (tmp_path / ".env").write_text("PENSTOCK_STARLING_CLIENT_ID=me\nPENSTOCK_PORT=9\nOTHER=x\n")
    settings = read_settings(home=tmp_path)
    options = settings.provider_options
    assert settings.port == 9
    assert options["starling_client_id"].get_secret_value() == "me"
    assert "port" not in options
    assert "other" not in options


def test_only_names_of_ours_are_options() -> None:
    """What others set is not ours, nor what says nothing; our own settings are read elsewhere."""
    environment = {
        "PENSTOCK_PLAID_SECRET": "s",
        "penstock_plaid_client_id": "c",
        "PENSTOCK_PORT": "1",
        "PENSTOCK_EMPTY": "",
        "PATH": "x",
        "PENSTOCK_NOTHING": None,
    }
    assert options_set(environment) == {"plaid_secret": "s", "plaid_client_id": "c"}


def test_no_option_is_shown() -> None:
    """K3: any of them may be a secret, so that none is seen."""
    settings = Settings.model_validate({"provider_options": {"plaid_secret": "canary"}})
    assert settings.provider_options["plaid_secret"].get_secret_value() == "canary"
    assert "canary" not in f"{settings!r} {settings} {settings.model_dump()}"
