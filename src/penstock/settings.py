"""What an operator may set: the only reader of the environment.

Each field has a twin `PENSTOCK_NAME` in the environment and in `$PENSTOCK_HOME/.env` (never one
from the current folder). Flags beat the environment, the environment beats the file.
"""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Self
from zoneinfo import ZoneInfo

import platformdirs
from dotenv import dotenv_values
from pydantic import (
    AnyHttpUrl,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from penstock.domain.errors import InvalidInput
from penstock.domain.remedy import fix_code

Words = Annotated[tuple[str, ...], NoDecode]
_LISTS: Final = (
    "trusted_proxies",
    "redirect_uris",
    "provider_rates",
    "provider_caps",
    "loopback_providers",
    "quote_sources",
)


class Profile(StrEnum):
    """How strict the defaults are."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


class Settings(BaseSettings):
    """The settings of one installation."""

    model_config = SettingsConfigDict(
        env_prefix="PENSTOCK_", env_ignore_empty=True, extra="ignore", frozen=True
    )

    home: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("penstock", appauthor=False)),
        description="The folder of this installation: the SQLite file, the key file, the session.",
    )
    profile: Profile = Field(
        Profile.DEVELOPMENT,
        description="In production no secret is made by itself, and plain HTTP is refused.",
    )
    database_url: str = Field(
        "",
        repr=False,  # it may have a password in it
        description="`postgresql://USER@HOST/NAME`; empty is the SQLite file in the home folder.",
    )
    key: SecretStr | None = Field(
        None,
        description="What seals secrets: 32 bytes in base64 or hex; empty: `$PENSTOCK_HOME/key`.",
    )
    new_key: SecretStr | None = Field(
        None, description="The next PENSTOCK_KEY, for `penstock keys rotate --to env` alone."
    )
    key_source: str = Field(
        "",
        description="Where the master key is: `file`, `env`, `aws-kms://KEY?region=REGION` or "
        "`vault://HOST/MOUNT/KEY`; empty: PENSTOCK_KEY if it is set, else the file.",
    )
    vault_token: SecretStr | None = Field(
        default_factory=lambda: os.environ.get("VAULT_TOKEN") or None,
        validate_default=True,
        description="What opens a Vault or OpenBao; empty: VAULT_TOKEN.",
    )
    vault_token_file: Path | None = Field(
        None, description="A file with that token, read anew each time, as an agent renews it."
    )
    url: AnyHttpUrl | None = Field(
        None,
        description="Where the command line finds a server; empty: it runs the app itself.",
    )
    token: SecretStr | None = Field(
        None, description="An access token for the command line, instead of a stored session."
    )
    host: str = Field("127.0.0.1", description="The address that `penstock serve` listens on.")
    port: int = Field(
        8321, ge=0, le=65535, description="Its port; 0 lets the system pick a free one."
    )
    public_url: AnyHttpUrl | None = Field(
        None, description="How the world reaches this server, where a proxy stands before it."
    )
    trusted_proxies: Words = Field(
        (),
        description="Addresses of proxies whose X-Forwarded headers count, comma-separated.",
    )
    redirect_uris: Words = Field(
        (),
        description="Your own addresses to which a bank may send a person back, comma-separated.",
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_json: bool = Field(True, description="JSON lines on stderr; false: lines for people.")
    metrics_token: SecretStr | None = Field(
        None, description="A bearer token for `/metrics`; empty: it answers on loopback only."
    )
    metrics_host: str = Field(
        "127.0.0.1", description="The address on which `penstock worker` tells its `/metrics`."
    )
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Its port; empty: a worker does not listen; 0 lets the system pick a free one.",
    )
    otlp_endpoint: AnyHttpUrl | None = Field(
        default_factory=lambda: os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or None,
        validate_default=True,
        description="An OpenTelemetry collector that gets traces and metrics, such as "
        "`http://127.0.0.1:4318`; empty: OTEL_EXPORTER_OTLP_ENDPOINT. Needs the extra `otel`.",
    )
    worker: bool = Field(
        True, description="Whether `penstock serve` syncs itself; false: `penstock worker` does."
    )
    sync_every_minutes: int = Field(
        360,
        ge=1,
        description="How old a connection may grow before it is synced by itself. Each finds its "
        "own pace around it: down to a quarter of it while every look brings something, up to one "
        "and a half times while none does, and never more often than the bank's daily calls allow.",
    )
    sync_at_once: int = Field(
        16, ge=1, le=256, description="How many connections one process syncs at the same time."
    )
    wait_at_most_seconds: float = Field(
        60,
        ge=0,
        description="The longest wait inside a sync; a longer one is stored, and the sync ends.",
    )
    link_twice: bool = Field(
        False,
        description="Whether a person may link the same login at a bank more than once: then each "
        "of its accounts is there as often. False: the second is refused, and nothing is stored.",
    )
    password_grant: bool = Field(
        True, description="Whether `POST /token` takes a user name and a password."
    )
    dpop_nonces: bool = Field(
        False,
        description="Whether a DPoP proof must always carry a nonce of this server. False: one is "
        "asked for only where the client's clock is wrong.",
    )
    provider_rates: Words = Field(
        (),
        description="How often each provider is asked at most: `sandbox=200/s`, comma-separated.",
    )
    provider_caps: Words = Field(
        (),
        description="How many syncs of a provider run at once, in all processes together: "
        "`sandbox=8`, comma-separated; 8 for those not named.",
    )
    loopback_providers: Words = Field(
        (),
        description="`host:port` of providers on this machine that may be asked, comma-separated.",
    )
    sandbox_url: AnyHttpUrl | None = Field(
        AnyHttpUrl("http://127.0.0.1:8322"),
        description="Where `penstock sandbox` listens; in production it is never asked.",
    )
    sandbox_client_id: str = Field("penstock", description="Our client id at the sandbox bank.")
    provider_options: Mapping[str, SecretStr] = Field(
        default_factory=dict,
        exclude=True,
        description="What is set for connectors, by names such as `starling_url`: each connector "
        "declares its own, so that they are not known here.",
    )
    backup_passphrase: SecretStr | None = Field(
        None,
        description="Seals the key inside a backup (`--with-key`), and opens it again; asked for "
        "at a terminal where it is empty.",
    )
    notify: SecretStr | None = Field(
        None,
        description="Who is told when something needs a person: addresses as Apprise writes them, "
        "between spaces. Needs the extra `notify`.",
    )
    notify_new: bool = Field(
        False, description="Whether new transactions are told as well: how many, and where."
    )
    zone: str = Field(
        "UTC",
        description="Whose days the worth of a day is told by: a zone such as `Europe/Berlin`.",
    )
    quote_sources: Words = Field(
        ("ecb",),
        description="Quote sources to use, best first, comma-separated: those that "
        "`penstock sources` shows.",
    )
    price_every_minutes: int = Field(
        15,
        ge=0,
        le=1440,
        description="How often what somebody holds is priced anew while its market is open, and "
        "never more often than its source has new prices; 0: only when somebody asks.",
    )
    sources_folder: Path | None = Field(
        None,
        description="Where quote sources of your own are; empty: `$PENSTOCK_HOME/sources`.",
    )

    @model_validator(mode="before")
    @classmethod
    def _split_words(cls, values: Any) -> Any:  # noqa: ANN401 - pydantic hands over anything
        for name in _LISTS:
            if isinstance(values, dict) and isinstance(values.get(name), str):
                values[name] = tuple(
                    word.strip() for word in values[name].split(",") if word.strip()
                )
        return values

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):  # KeyError: there is none of this name
            raise ValueError("there is no such time zone: write it like Europe/Berlin") from None
        return name

    @model_validator(mode="after")
    def _production_is_strict(self) -> Self:
        if (
            self.profile is Profile.PRODUCTION
            and self.public_url
            and self.public_url.scheme != "https"
        ):
            raise ValueError("PENSTOCK_PUBLIC_URL must be https in production")
        return self

    @property
    def database_file(self) -> Path:
        """The SQLite file, which is used where no database URL is given."""
        return self.home / "penstock.db"

    @property
    def sources(self) -> Path:
        """The folder of the quote sources that people add."""
        return self.sources_folder or self.home / "sources"

    @property
    def database(self) -> str:
        """The database URL that is in force."""
        return self.database_url or f"sqlite:///{self.database_file.as_posix()}"


def read_settings(**flags: Any) -> Settings:  # noqa: ANN401 - pydantic says what each must be
    """Read the settings: `flags` (None: not given), the environment, `$PENSTOCK_HOME/.env`.

    Raises InvalidInput with every fault named, never the value of a secret.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        home = Settings(**{"home": given["home"]} if "home" in given else {}).home
        options = options_set({**dotenv_values(home / ".env"), **os.environ})
        return Settings(_env_file=home / ".env", provider_options=options, **given)
    except ValidationError as error:
        faults = "; ".join(
            f"PENSTOCK_{str(fault['loc'][0]).upper() if fault['loc'] else ''}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise InvalidInput(
            f"The settings cannot be used: {faults}",
            remedy=fix_code("Mend the setting in the environment or in $PENSTOCK_HOME/.env."),
        ) from None


def options_set(environment: Mapping[str, str | None]) -> dict[str, str]:
    """Return what is set by names of ours that are no settings of the installation itself."""
    prefix = str(Settings.model_config["env_prefix"]).lower()
    named = {name.lower(): value for name, value in environment.items() if value}
    return {
        name.removeprefix(prefix): value
        for name, value in named.items()
        if name.startswith(prefix) and name.removeprefix(prefix) not in Settings.model_fields
    }
