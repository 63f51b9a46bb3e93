"""Credentials in and out of the vault, bound to their row and version (security.md K1)."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from penstock.db.credentials import SealedCredentials
from penstock.domain.consent import Credentials
from penstock.domain.errors import SealBroken
from penstock.domain.secret import Secret
from penstock.vault.cipher import Cipher, Place

Revocation = tuple[str, str | None, str | None]
"""Access token, refresh token and key of credentials that are to be revoked, sealed."""


@dataclass(frozen=True, slots=True)
class Seals:
    """Seals and opens what opens a connection."""

    cipher: Cipher

    async def ready(self, owner_id: int) -> None:
        """Make sure that what a bank is about to give can be kept. Raises VaultError."""
        await asyncio.to_thread(self.cipher.ready, f"user:{owner_id}")

    def seal(
        self, opened: Credentials, connection_id: int, owner_id: int, *, plan: int, version: int
    ) -> SealedCredentials:
        """Return credentials as they may be stored."""
        at = _places(connection_id, owner_id, version)
        return SealedCredentials(
            connection_id=connection_id,
            plan=plan,
            access=self.cipher.seal(opened.access, at["access"]),
            refresh=self.cipher.seal(opened.refresh, at["refresh"]) if opened.refresh else None,
            expires_at=opened.expires_at,
            scope=opened.scope,
            version=version,
            key=self.cipher.seal(opened.key, at["key"]) if opened.key else None,
        )

    def open(self, sealed: SealedCredentials, owner_id: int) -> Credentials:
        """Return stored credentials, opened. Raises SealBroken, KeyWrong."""
        at = _places(sealed.connection_id, owner_id, sealed.version)
        refresh = self.cipher.open(sealed.refresh, at["refresh"]) if sealed.refresh else None
        return Credentials(
            access=self.cipher.open(sealed.access, at["access"]),
            refresh=refresh,
            expires_at=sealed.expires_at,
            scope=sealed.scope,
            key=self.cipher.open(sealed.key, at["key"]) if sealed.key else None,
        )

    def seal_revocation(self, opened: Credentials, number: int, owner_id: int) -> Revocation:
        """Return credentials that are to be revoked as they may be queued."""
        access, refresh, key = _revocation(number, owner_id)
        return (
            self.cipher.seal(opened.access, access),
            self.cipher.seal(opened.refresh, refresh) if opened.refresh else None,
            self.cipher.seal(opened.key, key) if opened.key else None,
        )

    def open_revocation(
        self, sealed: Revocation, expires_at: datetime | None, number: int, owner_id: int
    ) -> Credentials:
        """Return queued credentials, opened. Raises SealBroken, KeyWrong."""
        places = _revocation(number, owner_id)
        access, refresh, key = (
            self.cipher.open(text, at) if text else None
            for text, at in zip(sealed, places, strict=True)
        )
        if access is None:
            raise SealBroken
        return Credentials(access, refresh, expires_at, key=key)

    def seal_verifier(self, verifier: Secret, link_id: int, owner_id: int) -> str:
        """Return a PKCE verifier as it may be stored with its link."""
        return self.cipher.seal(verifier, Place(f"user:{owner_id}", f"link:{link_id}", "verifier"))

    def open_verifier(self, sealed: str, link_id: int, owner_id: int) -> Secret:
        """Return a link's PKCE verifier."""
        return self.cipher.open(sealed, Place(f"user:{owner_id}", f"link:{link_id}", "verifier"))

    def seal_hook(self, secret: Secret, connection_id: int, owner_id: int) -> str:
        """Return the secret of a webhook as it may be stored."""
        return self.cipher.seal(secret, _hook(connection_id, owner_id))

    def open_hook(self, sealed: str, connection_id: int, owner_id: int) -> Secret:
        """Return the secret of a webhook. Raises SealBroken, KeyWrong."""
        return self.cipher.open(sealed, _hook(connection_id, owner_id))


def _revocation(number: int, owner_id: int) -> tuple[Place, Place, Place]:
    owner, row = f"user:{owner_id}", f"revocation:{number}"
    return Place(owner, row, "access"), Place(owner, row, "refresh"), Place(owner, row, "key")


def _hook(connection_id: int, owner_id: int) -> Place:
    return Place(f"user:{owner_id}", f"connection:{connection_id}", "hook")


def _places(connection_id: int, owner_id: int, version: int) -> dict[str, Place]:
    return {
        field: Place(f"user:{owner_id}", f"connection:{connection_id}", field, version)
        for field in ("access", "refresh", "key")
    }
