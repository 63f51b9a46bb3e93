"""The keys that stored sessions are bound to: a session's tokens are worth nothing without them.

Each is made at login, for one address, and never leaves this machine: it signs a proof for each
request (DPoP, RFC 9449). They are in a file beside the sessions that its owner alone may read.
"""

import base64
import json
import secrets
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2

from penstock.cli.failure import Failed
from penstock.cli.files import make_private_folder, written_whole

_ALGORITHM = "ES256"


class SessionKey:
    """One key. It signs; nothing shows it. Raises ValueError for what is no key."""

    def __init__(self, jwk: dict[str, Any] | None = None) -> None:
        from joserfc.jwk import ECKey

        self._key = ECKey.import_key(jwk) if jwk else ECKey.generate_key("P-256")

    def thumbprint(self) -> str:
        """Return what names the key (RFC 7638)."""
        return str(self._key.thumbprint())

    def stored(self) -> dict[str, Any]:
        """Return the key as it is stored."""
        return dict(self._key.as_dict(private=True))

    def proof(
        self,
        request: httpx2.Request,
        now: datetime,
        *,
        token: str | None = None,
        nonce: str | None = None,
    ) -> str:
        """Return what proves this request, and the token that goes along (RFC 9449 §4.2)."""
        from joserfc import jws

        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(16),
            "htm": request.method,
            "htu": str(request.url.copy_with(query=None, fragment=None)),
            "iat": int(now.timestamp()),
        }
        if token is not None:
            claims["ath"] = _encoded(sha256(token.encode()).digest())
        if nonce is not None:
            claims["nonce"] = nonce
        public = self._key.as_dict(private=False)
        header = {"typ": "dpop+jwt", "alg": _ALGORITHM, "jwk": public}
        return jws.serialize_compact(
            header, json.dumps(claims).encode(), self._key, algorithms=[_ALGORITHM]
        )

    def __repr__(self) -> str:
        return "SessionKey(***)"


class SessionKeys:
    """The stored keys of one home folder, by the address that each is for."""

    def __init__(self, home: Path) -> None:
        self.path = home / "session.key"

    def find(self, address: str) -> SessionKey | None:
        """Return the key for `address`, if there is one. Raises Failed."""
        jwk = self._read().get(address)
        try:
            return SessionKey(jwk) if jwk else None
        except ValueError:
            raise self._unreadable() from None

    def save(self, address: str, key: SessionKey) -> None:
        """Store the key for `address` in place of the last one."""
        make_private_folder(self.path.parent)
        self._write({**self._read(), address: key.stored()})

    def delete(self, address: str) -> None:
        """Forget the key for `address`; with the last one the file goes."""
        left = {one: jwk for one, jwk in self._read().items() if one != address}
        if left:
            self._write(left)
        else:
            self.path.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any]:
        try:
            stored = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError:
            raise self._unreadable() from None
        if not isinstance(stored, dict):
            raise self._unreadable()
        return stored

    def _write(self, stored: dict[str, Any]) -> None:
        with written_whole(self.path) as file:
            file.write(json.dumps(stored).encode())

    def _unreadable(self) -> Failed:
        return Failed(
            f"the keys of stored sessions in {self.path} cannot be read",
            remedy="Delete that file, then run `penstock login`.",
        )


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
