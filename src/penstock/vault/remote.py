"""Master keys that never leave where they are: named by an address, opened when they are needed.

`aws-kms://KEY?region=REGION&endpoint=URL` and `vault://HOST[:PORT]/MOUNT/KEY?namespace=NAME`. The
program that speaks to each is an extra, imported here alone.
"""

from collections.abc import Callable
from typing import Final

from penstock.domain.errors import InvalidInput
from penstock.domain.remedy import fix_code
from penstock.domain.secret import Secret
from penstock.vault.source import KeySource

SCHEMES: Final = ("aws-kms", "vault")


def open_remote(address: str, token: Callable[[], Secret | None]) -> KeySource:
    """Return the source at an address; nothing is asked of it yet.

    `token` is asked each time for what opens a Vault. Raises InvalidInput.
    """
    scheme, separator, _ = address.partition("://")
    try:
        if separator and scheme == "aws-kms":
            from penstock.vault.aws_kms import KmsKey  # noqa: PLC0415 - the extra `aws`

            return KmsKey.at(address)
        if separator and scheme == "vault":
            from penstock.vault.transit import TransitKey  # noqa: PLC0415 - the extra `vault`

            return TransitKey.at(address, token)
    except ImportError:
        extra = "aws" if scheme == "aws-kms" else "vault"
        raise InvalidInput(
            f"A key source {scheme}:// needs a program that is not installed.",
            remedy=fix_code(f"Install the extra: `penstock[{extra}]`."),
        ) from None
    raise InvalidInput(
        "The key source is not one that we know.",
        remedy=fix_code(
            "Write PENSTOCK_KEY_SOURCE as `file`, `env`, `aws-kms://KEY?region=REGION` or "
            "`vault://HOST/MOUNT/KEY`."
        ),
    )
