"""One-time codes: of an authenticator (TOTP, RFC 6238), and for when that is lost."""

import base64
import secrets
from datetime import datetime
from typing import Final

from penstock.domain.secret import Secret

STEP: Final = 30
"""For how many seconds a code is shown."""

DIGITS: Final = 6
RECOVERY_CODES: Final = 10

_AROUND: Final = (0, -1, 1)  # clocks differ, and typing takes a moment (RFC 6238 §5.2)
_SECRET_BYTES: Final = 20
_RECOVERY_BYTES: Final = 10  # 80 bits: nobody guesses those, so that a fast hash will do


def new_totp_secret() -> Secret:
    """Return a new secret, as authenticators take it (base32)."""
    return Secret(base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode())


def totp_uri(secret: Secret, username: str, issuer: str) -> Secret:
    """Return the `otpauth://` address that authenticators read, most often from a picture."""
    import pyotp  # noqa: PLC0415 - few commands need it

    return Secret(pyotp.TOTP(secret.reveal()).provisioning_uri(name=username, issuer_name=issuer))


def matching_step(secret: Secret, code: str, now: datetime) -> int | None:
    """Return the time step whose code this is: the present one, the last, or the next."""
    import pyotp  # noqa: PLC0415 - as above

    totp, present = pyotp.HOTP(secret.reveal()), int(now.timestamp()) // STEP
    given = code.encode("utf-8", "surrogatepass")
    steps = [present + by for by in _AROUND]
    found = [one for one in steps if secrets.compare_digest(totp.at(one).encode(), given)]
    return found[0] if found else None


def new_recovery_codes() -> list[Secret]:
    """Return new recovery codes, as they are shown: four groups of four."""
    return [_recovery_code() for _ in range(RECOVERY_CODES)]


def plain(code: str) -> str:
    """Return a code as it is compared: without what sets off its groups, in small letters."""
    return "".join(code.split()).replace("-", "").lower()


def is_totp(code: str) -> bool:
    """Say whether a plain code can be an authenticator's: six digits, and ASCII ones."""
    return len(code) == DIGITS and code.isascii() and code.isdecimal()


def _recovery_code() -> Secret:
    text = base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower()
    return Secret("-".join(text[n : n + 4] for n in range(0, len(text), 4)))
