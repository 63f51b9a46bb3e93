"""A master key in the transit engine of Vault or OpenBao: `vault://HOST[:PORT]/MOUNT/KEY`.

`?namespace=NAME` where there are some; `?tls=off` is taken for this machine alone. What is wrapped
is bound to its context by associated data, so the key must be of an AEAD type (aes256-gcm96, the
default). The token is read anew each time, for agents renew it.
https://openbao.org/api-docs/secret/transit/
"""

import base64
import binascii
import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlsplit

import hvac
from hvac import exceptions as said

from penstock.domain.errors import InvalidInput, KeyAway, KeyWrong, VaultError
from penstock.domain.remedy import fix_code, wait
from penstock.domain.secret import Secret
from penstock.vault.source import Context, altered, bound

_PATIENCE: Final = 5  # seconds
_PLACE: Final = re.compile(r"/(?P<mount>[\w./-]+)/(?P<key>[\w.-]+)")

_AWAY: Final[tuple[tuple[tuple[type[Exception], ...], str], ...]] = (
    ((said.VaultDown,), "is sealed (`bao operator unseal`), or just starts"),
    ((said.RateLimitExceeded,), "is asked too often"),
    (
        (said.BadGateway, said.InternalServerError, said.UnexpectedError),
        "does not answer as it should",
    ),
)
_TOO_OLD: Final = ("version is too old", "disallowed by policy", "minimum")

Token = Callable[[], Secret | None]


class TransitKey:
    """A key in a transit engine."""

    def __init__(self, client: Any, mount: str, key: str, token: Token) -> None:  # noqa: ANN401 - hvac is not typed
        self._client = client
        self._mount = mount
        self._key = key
        self._token = token

    @classmethod
    def at(cls, address: str, token: Token) -> Self:
        """Return the key at an address. Raises InvalidInput."""
        parts = urlsplit(address)
        told = dict(parse_qsl(parts.query))
        place = _PLACE.fullmatch(parts.path)
        plain = told.get("tls") == "off"
        if (
            place is None
            or not parts.hostname
            or parts.username
            or told.keys() - {"namespace", "tls"}
            or (plain and not _is_here(parts.hostname))
        ):
            raise InvalidInput(
                "The Vault address cannot be read.",
                remedy=fix_code(
                    "Write `vault://HOST/MOUNT/KEY`, such as vault://vault.internal:8200/transit/"
                    "penstock. The token goes into VAULT_TOKEN, never into the address; `?tls=off` "
                    "is for this machine alone."
                ),
            )
        url = f"{'http' if plain else 'https'}://{parts.netloc}"
        client = hvac.Client(
            url=url, namespace=told.get("namespace"), timeout=_PATIENCE, allow_redirects=False
        )
        return cls(client, place["mount"], place["key"], token)

    @property
    def id(self) -> str:
        """The key's name, wherever its Vault is reached."""
        return f"vault:{self._mount}/{self._key}"

    def wrap(self, plain: bytes, context: Context) -> str:
        """Return a data key as the newest version of the key encrypted it. Raises VaultError."""
        text = base64.b64encode(plain).decode()
        wrapped: str = self._ask("encrypt_data", context, plaintext=text)["ciphertext"]
        return wrapped

    def unwrap(self, wrapped: str, context: Context) -> bytes:
        """Return a data key. Raises VaultError."""
        try:
            plain = self._ask("decrypt_data", context, ciphertext=wrapped)["plaintext"]
            return base64.b64decode(plain, validate=True)
        except binascii.Error:
            raise altered(context) from None

    def _ask(self, what: str, context: Context, **more: str) -> Any:  # noqa: ANN401 - as above
        token = self._token()
        if token is None:
            raise KeyWrong(
                "There is no token for the Vault.",
                remedy=fix_code("Set VAULT_TOKEN, or PENSTOCK_VAULT_TOKEN_FILE."),
            )
        self._client.token = token.reveal()
        associated = base64.b64encode(bound(context)).decode()
        try:
            answer = getattr(self._client.secrets.transit, what)(
                name=self._key, mount_point=self._mount, associated_data=associated, **more
            )
        except said.VaultError as error:
            raise self._refused(error, context) from None  # its text may quote what was sent
        except OSError:  # whatever its client of HTTP raises is one
            raise self._away("cannot be reached") from None
        return answer["data"]

    def _refused(self, error: Exception, context: Context) -> VaultError:
        for kinds, why in _AWAY:
            if isinstance(error, kinds):
                return self._away(why)
        if isinstance(error, said.Forbidden | said.Unauthorized):
            return self._unusable(
                "is denied to us",
                f"Give a token with a policy that allows `update` on {self._mount}/encrypt/"
                f"{self._key} and {self._mount}/decrypt/{self._key}; see that it has not expired.",
            )
        text = str(error)
        if any(words in text for words in _TOO_OLD):
            return self._unusable(
                "opens this version no more",
                "Lower its min_decryption_version, run `penstock keys rotate`, then raise it.",
            )
        if isinstance(error, said.InvalidPath) or "not found" in text:
            return self._unusable("is not there", "See PENSTOCK_KEY_SOURCE: the mount and the key.")
        return altered(context)

    def _away(self, why: str) -> KeyAway:
        return KeyAway(
            f"The Vault of the key {self._mount}/{self._key} {why}.",
            remedy=wait("It is tried again. See to the network and to the state of the Vault."),
        )

    def _unusable(self, why: str, cure: str) -> KeyWrong:
        return KeyWrong(
            f"The key {self._mount}/{self._key} of the Vault {why}.",
            remedy=fix_code(f"{cure} Nothing was changed."),
        )

    def __repr__(self) -> str:
        return f"TransitKey({self._mount}/{self._key})"


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
