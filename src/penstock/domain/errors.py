"""Every error that Penstock raises on purpose.

PenstockError                 has a message and, where somebody can act, a remedy
├── NotFound                  no such thing, or not yours: the two are never told apart
├── Conflict                  it contradicts what is there already
├── InvalidInput              what was given cannot be read or is not allowed
├── NotSignedIn               no token, or one that is no longer good
├── Forbidden                 the token is good, but lacks a scope
├── TooManyAttempts           slow down; carries `retry_after`
├── VaultError                a secret cannot be sealed or opened
│   ├── KeyMissing            the key file or variable is not there
│   ├── KeyWrong              it is there, but does not open this database
│   ├── KeyAway               it is elsewhere (KMS, Vault), and cannot be asked at this moment
│   └── SealBroken            a sealed value was altered, or moved to another row
├── OAuthError                the authorization server said no, or spoke nonsense
│   ├── GrantRefused          `invalid_grant`: the tokens are dead, consent must be renewed
│   └── OAuthUnavailable      429, 5xx and their kind: the tokens are as good as before
├── TransportFailure          no whole answer came: refused, reset, timed out, cut short, too large
│   └── DestinationRefused    the address is one that we do not talk to
├── ContractBroken            the provider sent what its own documents do not allow
├── HookRefused               a webhook that the provider did not send, or not now


├── RowsMoved                 rows moved from page to page while they were read: read them again
└── LeaseLost                 another worker holds the connection now: commit nothing
"""

from penstock.domain.remedy import Remedy, ask_person, fix_code, wait


class PenstockError(Exception):
    """Something went wrong in a way that we know."""

    def __init__(self, message: str | None = None, *, remedy: Remedy | None = None) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.remedy = remedy
        super().__init__(self.message)


class NotFound(PenstockError):
    """There is no such thing here."""


class Conflict(PenstockError):
    """This contradicts what is there already."""


class InvalidInput(PenstockError):
    """What was given cannot be used."""


class NotSignedIn(PenstockError):
    """Sign in first."""


class Forbidden(PenstockError):
    """The token does not allow this."""


class TooManyAttempts(PenstockError):
    """Too many attempts: wait, then try again."""

    def __init__(self, message: str | None = None, *, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(message, remedy=wait(f"Try again in {retry_after:.0f} s."))


class VaultError(PenstockError):
    """A secret cannot be sealed or opened."""


class KeyMissing(VaultError):
    """The key that opens this installation's secrets is missing."""


class KeyWrong(VaultError):
    """The key does not belong to this database."""


class KeyAway(VaultError):
    """The master key is elsewhere, and cannot be asked at this moment."""


class SealBroken(VaultError):
    """A sealed value was altered or does not belong to this row."""


class OAuthError(PenstockError):
    """The authorization server refused or answered nonsense; `code` is its `error`, if any."""

    def __init__(
        self, message: str | None = None, *, code: str = "", remedy: Remedy | None = None
    ) -> None:
        self.code = code
        super().__init__(message, remedy=remedy)


class GrantRefused(OAuthError):
    """The bank no longer accepts our tokens (invalid_grant)."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(
            message,
            code="invalid_grant",
            remedy=ask_person("Renew the consent: `penstock connect --renew ID`."),
        )


class OAuthUnavailable(OAuthError):
    """The authorization server cannot answer now; `retry_after` is its header, if it sent one."""

    def __init__(
        self, message: str | None = None, *, code: str = "", retry_after: str | None = None
    ) -> None:
        self.retry_after = retry_after
        super().__init__(message, code=code, remedy=wait("It is tried again by itself."))


class TransportFailure(PenstockError):
    """No whole answer came from the other side."""


class DestinationRefused(TransportFailure):
    """That address is not one we talk to."""


class ContractBroken(PenstockError):
    """The provider sent something that its documents do not allow."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(
            message, remedy=fix_code("Nothing was stored. Report this with the run's id.")
        )


class HookRefused(PenstockError):
    """This is not the provider's word, or not any more."""


class RowsMoved(PenstockError):
    """The rows moved while they were being read."""


class LeaseLost(PenstockError):
    """Another worker holds this connection now."""
