"""Passkeys: WebAuthn, with the person verified by their device (security.md L7).

A passkey belongs to one origin and its host (`Party`). What a browser answers is checked by
py_webauthn: origin, host, challenge, user verification, signature, count.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from penstock.db import factors, users
from penstock.db.factors import FactorRow
from penstock.db.users import UserRow
from penstock.domain.errors import Conflict, InvalidInput
from penstock.domain.ids import public_id
from penstock.domain.secret import Secret
from penstock.identity.challenges import Challenges
from penstock.identity.factors import PASSKEY, FactorRefused, Factors
from penstock.identity.ground import Ground

METHODS: Final = ("pop", "user", "mfa")
"""How somebody proved who they are by a passkey (RFC 8176)."""

_ADD: Final = "add a passkey"
_USE: Final = "sign in"
_MOST_CHARACTERS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Party:
    """For whom a passkey is made: an origin (`https://host`), and the host in it."""

    origin: str
    host: str


class _Data(msgspec.Struct, frozen=True):
    clientDataJSON: str  # noqa: N815 - as WebAuthn has it


class _Answer(msgspec.Struct, frozen=True):
    id: str
    response: _Data


class _Said(msgspec.Struct, frozen=True):
    challenge: str


class Passkeys:
    """Adds passkeys, and lets people in by them. `bound` is the secret of one browser's session."""

    def __init__(self, ground: Ground, others: Factors) -> None:
        self._ground = ground
        self._factors = others
        self._challenges = Challenges(ground)

    async def adding(self, user_id: int, bound: Secret, party: Party) -> str:
        """Return the options with which a browser makes a passkey, as JSON."""
        import webauthn  # noqa: PLC0415 - few processes need it
        from webauthn.helpers.structs import (  # noqa: PLC0415 - few processes need it
            AuthenticatorSelectionCriteria,
            ResidentKeyRequirement,
            UserVerificationRequirement,
        )

        user = await self._ground.database.read(users.get, user_id)
        known = await self._ground.database.read(factors.of, user_id, PASSKEY)
        options = webauthn.generate_registration_options(
            rp_id=party.host,
            rp_name="Penstock",
            user_id=public_id("usr", user_id).encode(),
            user_name=user.username,
            challenge=self._challenges.new(_ADD, bound.reveal()),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=_described(known),
        )
        return webauthn.options_to_json(options)

    async def add(
        self, user_id: int, session_id: int, answer: str, name: str, bound: Secret, party: Party
    ) -> list[Secret]:
        """Store a passkey that a browser made; return recovery codes with the first factor.

        All other sessions of the person end (R6). Raises FactorRefused, Conflict.
        """
        import webauthn  # noqa: PLC0415 - few processes need it
        from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415 - few processes need it

        _, challenge = await self._spend(answer, _ADD, bound)
        try:
            made = webauthn.verify_registration_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=party.host,
                expected_origin=party.origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError):
            raise FactorRefused("That passkey was not made as it has to be.") from None
        now = self._ground.clock()
        values = {
            "user_id": user_id,
            "kind": PASSKEY,
            "name": name,
            "credential_id": _encode(made.credential_id),
            "public_key": _encode(made.credential_public_key),
            "sign_count": made.sign_count,
            "created_at": now,
            "confirmed_at": now,
        }
        codes, ended = await self._ground.database.write(self._store, values, session_id)
        self._ground.live.forget(ended)
        return codes

    async def asking(self, bound: Secret, party: Party, user_id: int | None = None) -> str:
        """Return the options with which a browser signs in by a passkey, as JSON.

        By one of this person's where a password was right already, else by any.
        """
        import webauthn  # noqa: PLC0415 - few processes need it
        from webauthn.helpers.structs import UserVerificationRequirement  # noqa: PLC0415 - few processes need it

        known: list[FactorRow] = []
        if user_id is not None:
            known = await self._ground.database.read(factors.of, user_id, PASSKEY)
        options = webauthn.generate_authentication_options(
            rp_id=party.host,
            challenge=self._challenges.new(_USE, bound.reveal()),
            allow_credentials=_described(known),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return webauthn.options_to_json(options)

    async def check(
        self, answer: str, bound: Secret, party: Party, user_id: int | None = None
    ) -> UserRow:
        """Return who has signed with their passkey. Raises FactorRefused.

        With `user_id` it has to be a passkey of that person.
        """
        import webauthn  # noqa: PLC0415 - few processes need it
        from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415 - few processes need it

        credential_id, challenge = await self._spend(answer, _USE, bound)
        row = await self._ground.database.read(factors.by_credential, credential_id)
        if row is None or (user_id is not None and row.user_id != user_id):
            raise FactorRefused("That passkey is not known here.")
        try:
            proved = webauthn.verify_authentication_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=party.host,
                expected_origin=party.origin,
                credential_public_key=_decode(row.public_key or ""),
                credential_current_sign_count=row.sign_count,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError):
            raise FactorRefused("That passkey did not sign as it has to.") from None
        user = await self._ground.database.write(self._used, row, proved.new_sign_count)
        if user is None:
            raise FactorRefused("That passkey is not good here.")
        return user

    async def _spend(self, answer: str, purpose: str, bound: Secret) -> tuple[str, bytes]:
        """Return the passkey's id and the challenge that was answered, which is used up by it."""
        try:
            if len(answer) > _MOST_CHARACTERS:
                raise FactorRefused("That is no passkey's answer.")
            read = msgspec.json.decode(answer.encode(), type=_Answer)
            said = msgspec.json.decode(_decode(read.response.clientDataJSON), type=_Said)
            challenge = _decode(said.challenge)
            credential_id = _encode(_decode(read.id))
        except (UnicodeError, msgspec.MsgspecError, binascii.Error, ValueError, RecursionError):
            raise FactorRefused("That is no passkey's answer.") from None
        if not await self._challenges.spend(challenge, purpose, bound.reveal()):
            raise FactorRefused("That took too long, or was answered already: try once more.")
        return credential_id, challenge

    def _store(
        self, connection: sa.Connection, values: dict[str, Any], session_id: int
    ) -> tuple[list[Secret], list[int]]:
        users.hold(connection, values["user_id"])
        if factors.by_credential(connection, values["credential_id"]) is not None:
            raise Conflict("That passkey is known here already.")
        number = factors.create(connection, values)
        row = factors.get(connection, number, user_id=values["user_id"])
        return self._factors.added(connection, row, session_id, values["created_at"])

    def _used(self, connection: sa.Connection, row: FactorRow, count: int) -> UserRow | None:
        now = self._ground.clock()
        counted = factors.count_up(connection, row.id, before=row.sign_count, count=count, now=now)
        user = users.get(connection, row.user_id)
        return user if counted and user.disabled_at is None else None


def check_name(name: str) -> str:
    """Return the name of a factor as it is stored. Raises InvalidInput."""
    text = " ".join(name.split())
    if not 0 < len(text) <= 60 or not text.isprintable():  # noqa: PLR2004 - a line of a list
        raise InvalidInput("A factor has a name of 1 to 60 characters.")
    return text


def _described(known: Sequence[FactorRow]) -> list[Any]:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor  # noqa: PLC0415 - few processes need it

    return [PublicKeyCredentialDescriptor(id=_decode(one.credential_id or "")) for one in known]


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
