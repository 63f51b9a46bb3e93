"""Your second factors, and proving once more who you are."""

from datetime import datetime
from typing import Annotated

from fastapi import Response
from pydantic import Field

from penstock.api.auth import require
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import Incoming, Outgoing
from penstock.domain.ids import public_id, row_number
from penstock.domain.secret import Secret
from penstock.identity.caller import Caller
from penstock.identity.passkeys import check_name
from penstock.identity.sessions import SignInRefused

_ISSUER = "Penstock"

router = nouns("people")

FactorId = Annotated[str, Field(examples=["fac_0000000000001"])]
Hidden = {"format": "password"}


class Factor(Outgoing):
    """What proves who you are besides your password."""

    id: FactorId
    kind: Annotated[str, Field(description="totp or passkey.", examples=["totp"])]
    name: Annotated[str, Field(examples=["phone"])]
    created_at: datetime
    used_at: datetime | None


class FactorList(Outgoing):
    """Your factors, and how many recovery codes are left."""

    rows: list[Factor]
    recovery_codes: Annotated[int, Field(examples=[10])]


class NewTotp(Incoming):
    """An authenticator to add."""

    name: Annotated[str, Field(min_length=1, max_length=60, examples=["phone"])]


class BegunTotp(Outgoing):
    """What goes into the authenticator; its first code confirms it. It is shown this once."""

    id: FactorId
    secret: Annotated[str, Field(examples=["JBSWY3DPEHPK3PXP"])]
    uri: Annotated[str, Field(examples=["otpauth://totp/Penstock:ada?secret=…"])]


class Code(Incoming):
    """A code that the authenticator shows."""

    code: Annotated[str, Field(max_length=100, json_schema_extra=Hidden, examples=["123456"])]


class RecoveryCodes(Outgoing):
    """Codes for when the factor is lost, each good once. They are shown this once."""

    recovery_codes: list[str]


class Proof(Incoming):
    """Your password and, where you have a factor, a code: of an authenticator, or for recovery."""

    password: Annotated[str, Field(json_schema_extra=Hidden, examples=["the present one"])]
    code: Annotated[str | None, Field(max_length=100, json_schema_extra=Hidden)] = None


@router.post("/me/prove", status_code=204)
async def prove(
    caller: Annotated[Caller, require(own=True)], running: Running, body: Proof
) -> Response:
    """Prove once more who you are: for five minutes that counts where it is asked for."""
    code = Secret(body.code) if body.code else None
    if not await running.identity.proving.prove(caller, Secret(body.password), code):
        raise SignInRefused("The password is not that one.")
    return Response(status_code=204)


@router.get("/me/factors")
async def list_factors(caller: Annotated[Caller, require("read")], running: Running) -> FactorList:
    """List your second factors."""
    rows = await running.identity.factors.of(caller.user_id)
    return FactorList(
        rows=[
            Factor(
                id=public_id("fac", row.id),
                kind=row.kind,
                name=row.name,
                created_at=row.created_at,
                used_at=row.used_at,
            )
            for row in rows
        ],
        recovery_codes=await running.identity.factors.codes_left(caller.user_id),
    )


@router.post("/me/factors/totp")
async def begin_totp(
    caller: Annotated[Caller, require("write", fresh=True, own=True)],
    running: Running,
    body: NewTotp,
) -> BegunTotp:
    """Begin to add an authenticator; it counts once `confirm` was sent its first code."""
    begun = await running.identity.factors.begin_totp(caller, check_name(body.name), _ISSUER)
    return BegunTotp(
        id=public_id("fac", begun.factor_id),
        secret=begun.secret.reveal(),
        uri=begun.uri.reveal(),
    )


@router.post("/me/factors/{factor_id}/confirm")
async def confirm_totp(
    factor_id: FactorId,
    caller: Annotated[Caller, require("write", fresh=True, own=True)],
    running: Running,
    body: Code,
) -> RecoveryCodes:
    """Let an authenticator count from now on; you are signed out everywhere else."""
    number = row_number("fac", factor_id)
    codes = await running.identity.factors.confirm_totp(caller, number, Secret(body.code))
    return RecoveryCodes(recovery_codes=[one.reveal() for one in codes])


@router.delete("/me/factors/{factor_id}", status_code=204)
async def remove_factor(
    factor_id: FactorId,
    caller: Annotated[Caller, require("write", fresh=True, own=True)],
    running: Running,
) -> Response:
    """Remove a factor; you are signed out everywhere else."""
    number = row_number("fac", factor_id)
    await running.identity.factors.remove(caller.user_id, caller.session_id, number)
    return Response(status_code=204)


@router.post("/me/recovery-codes")
async def renew_recovery_codes(
    caller: Annotated[Caller, require("write", fresh=True, own=True)], running: Running
) -> RecoveryCodes:
    """Make new recovery codes; the ones from before are worth nothing."""
    codes = await running.identity.factors.renew_codes(caller.user_id, caller.session_id)
    return RecoveryCodes(recovery_codes=[one.reveal() for one in codes])
