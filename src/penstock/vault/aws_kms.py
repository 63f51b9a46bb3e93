"""A master key in AWS KMS, which never leaves it: `aws-kms://KEY?region=REGION&endpoint=URL`.

KEY is a key id, an ARN or `alias/NAME`. Encrypt and Decrypt with an encryption context, which KMS
authenticates and writes to CloudTrail. Credentials are found as boto3 finds them. A key that KMS
rotates by itself opens what its older versions have wrapped.
https://docs.aws.amazon.com/kms/latest/developerguide/encrypt_context.html
"""

import base64
import binascii
from typing import Any, Final, Self
from urllib.parse import parse_qsl, unquote

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)

from penstock.domain.errors import InvalidInput, KeyAway, KeyWrong, VaultError
from penstock.domain.remedy import fix_code, wait
from penstock.vault.source import Context, altered

_PATIENCE: Final = Config(
    connect_timeout=3,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 3},
    user_agent_extra="penstock",
)
_ALTERED: Final = {"InvalidCiphertextException", "IncorrectKeyException"}
_BUSY: Final = {"ThrottlingException", "LimitExceededException", "RequestLimitExceeded"}
_AWAY: Final = {"DependencyTimeoutException", "KMSInternalException", "KeyUnavailableException"}
_CURES: Final = {
    "DisabledException": "It is disabled: enable it (`aws kms enable-key`).",
    "KMSInvalidStateException": "It cannot be used in its state: if it waits to be deleted, "
    "cancel that at once (`aws kms cancel-key-deletion`), then enable it.",
    "NotFoundException": "There is no such key in that region: see PENSTOCK_KEY_SOURCE.",
    "AccessDeniedException": "Allow kms:Encrypt and kms:Decrypt on it to whoever runs this.",
    "InvalidKeyUsageException": "It is no symmetric key for encryption: take another.",
}
_IDENTITY: Final = "See to the AWS credentials of this process: a role, a profile or variables."


class KmsKey:
    """A key in KMS."""

    def __init__(self, client: Any, key_id: str) -> None:  # noqa: ANN401 - boto3 makes them anew
        self._client = client
        self._key_id = key_id

    @classmethod
    def at(cls, address: str) -> Self:
        """Return the key at an address. Raises InvalidInput."""
        where, _, query = address.partition("://")[2].partition("?")
        told = dict(parse_qsl(query))
        key_id = unquote(where)
        if not key_id or told.keys() - {"region", "endpoint"}:
            raise InvalidInput(
                "The AWS KMS address cannot be read.",
                remedy=fix_code("Write `aws-kms://KEY?region=REGION`, and `&endpoint=URL` if any."),
            )
        arn = key_id.split(":")  # arn:aws:kms:REGION:ACCOUNT:key/ID
        region = told.get("region") or (arn[3] if len(arn) > 3 else None)  # noqa: PLR2004 - as above
        try:
            client = boto3.client(
                "kms", region_name=region, endpoint_url=told.get("endpoint"), config=_PATIENCE
            )
        except (BotoCoreError, ValueError) as error:
            raise _unusable(key_id, "cannot be asked", _of_set_up(error)) from error
        return cls(client, key_id)

    @property
    def id(self) -> str:
        """The key's name, wherever KMS is reached."""
        return f"aws-kms:{self._key_id}"

    def wrap(self, plain: bytes, context: Context) -> str:
        """Return a data key as KMS encrypted it. Raises VaultError."""
        answer = self._ask("encrypt", context, Plaintext=plain)
        return base64.b64encode(answer["CiphertextBlob"]).decode()

    def unwrap(self, wrapped: str, context: Context) -> bytes:
        """Return a data key as KMS decrypts it. Raises VaultError."""
        try:
            blob = base64.b64decode(wrapped, validate=True)
        except binascii.Error:
            raise altered(context) from None
        plain: bytes = self._ask("decrypt", context, CiphertextBlob=blob)["Plaintext"]
        return plain

    def _ask(self, what: str, context: Context, **more: bytes) -> Any:  # noqa: ANN401 - as above
        try:
            ask = getattr(self._client, what)
            return ask(KeyId=self._key_id, EncryptionContext=dict(context), **more)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            raise self._refused(code, context) from error
        except (NoCredentialsError, PartialCredentialsError, NoRegionError) as error:
            raise _unusable(self._key_id, "cannot be asked", _of_set_up(error)) from error
        except BotoCoreError as error:
            raise self._away("cannot be reached") from error

    def _refused(self, code: str, context: Context) -> VaultError:
        if code in _ALTERED:
            return altered(context)
        if code in _BUSY:
            return self._away("is asked too often")
        if code in _AWAY:
            return self._away("does not answer")
        return _unusable(self._key_id, f"refuses: {code}", _CURES.get(code, _IDENTITY))

    def _away(self, why: str) -> KeyAway:
        return KeyAway(
            f"The AWS KMS key {self._key_id} {why}.",
            remedy=wait("It is tried again. See to the network and to the state of KMS."),
        )

    def __repr__(self) -> str:
        return f"KmsKey({self._key_id})"


def _unusable(key_id: str, why: str, cure: str) -> KeyWrong:
    return KeyWrong(
        f"The AWS KMS key {key_id} {why}.", remedy=fix_code(f"{cure} Nothing was changed.")
    )


def _of_set_up(error: Exception) -> str:
    if isinstance(error, NoRegionError):
        return "Add `?region=REGION` to PENSTOCK_KEY_SOURCE."
    return _IDENTITY
