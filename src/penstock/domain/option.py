"""What a connector has to be told by whoever runs the installation: ids, secrets, addresses."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from penstock.domain.errors import InvalidInput
from penstock.domain.remedy import fix_code
from penstock.domain.secret import Secret


def variable(setting: str) -> str:
    """Return how a setting such as `plaid_url` is written in the environment."""
    return f"PENSTOCK_{setting.upper()}"


@dataclass(frozen=True, slots=True)
class Option:
    """One thing to set. That of a connector `plaid` by the name `url` is `PENSTOCK_PLAID_URL`.

    Without one that is `required` the connector is not ready.
    """

    name: str
    description: str
    default: str = ""
    required: bool = False
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """What was set for one connector; `values` are everybody's, by names such as `plaid_url`."""

    connector: str
    options: tuple[Option, ...]
    values: Mapping[str, Secret]

    @property
    def missing(self) -> tuple[str, ...]:
        """The settings without which the connector cannot be used, such as `plaid_client_id`."""
        return tuple(
            self._setting(option.name)
            for option in self.options
            if option.required and not self.text(option.name)
        )

    def text(self, name: str) -> str:
        """Return an option's text, its default where it was not set."""
        set_here = self.values.get(self._setting(name))
        return (set_here.reveal().strip() if set_here else "") or self._option(name).default

    def secret(self, name: str) -> Secret | None:
        """Return an option that is a secret, or None where it was not set."""
        text = self.text(name)
        return Secret(text) if text else None

    def document(self, name: str) -> Secret | None:
        r"""Return an option that is a document: its text, or the path of a file that holds it.

        A text may have its lines on one, with `\n` between. Raises InvalidInput for a file that
        cannot be read.
        """
        text = self.text(name)
        if not text or not _is_file(text):
            return Secret(text.replace("\\n", "\n")) if text else None
        try:
            return Secret(Path(text).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise InvalidInput(
                f"{variable(self._setting(name))} names a file that cannot be read.",
                remedy=fix_code("See that it is a text, and that Penstock may read it."),
            ) from None

    def url(self, name: str = "url") -> str:
        """Return an option that is an address, without a slash at its end. Raises InvalidInput."""
        return self._address(name, self.text(name))

    def urls(self, name: str = "url") -> tuple[str, ...]:
        """Return an option that is one address or several, with commas between. InvalidInput."""
        texts = (text.strip() for text in self.text(name).split(","))
        return tuple(self._address(name, text) for text in texts if text)

    def zone(self, name: str = "zone") -> ZoneInfo:
        """Return an option that is a time zone. Raises InvalidInput."""
        try:
            return ZoneInfo(self.text(name))
        except (ValueError, OSError, LookupError):
            raise InvalidInput(
                f"{variable(self._setting(name))} is no time zone.",
                remedy=fix_code(f"Write a name such as {self._option(name).default}."),
            ) from None

    def _address(self, name: str, text: str) -> str:
        text = text.rstrip("/")
        parts = urlsplit(text)
        if text and not (parts.scheme in ("http", "https") and parts.hostname):
            raise InvalidInput(
                f"{variable(self._setting(name))} is no address.",
                remedy=fix_code("Write it whole, with https://."),
            )
        return text

    def _option(self, name: str) -> Option:
        return next(one for one in self.options if one.name == name)

    def _setting(self, name: str) -> str:
        return f"{self.connector}_{name}"


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False
