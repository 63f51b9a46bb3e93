"""What is worth an audit record: deeds that somebody may have to answer for (security.md X3)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class AuditKind(StrEnum):
    """What was done."""

    SIGNED_IN = "signed_in"
    SIGN_IN_REFUSED = "sign_in_refused"
    SIGNED_OUT = "signed_out"
    SESSION_ENDED = "session_ended"
    REFRESH_REUSED = "refresh_reused"
    STEPPED_UP = "stepped_up"
    STEP_UP_REFUSED = "step_up_refused"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a deed, no password
    PERSON_ADDED = "person_added"
    PERSON_INVITED = "person_invited"
    INVITATION_WITHDRAWN = "invitation_withdrawn"
    PERSON_DISABLED = "person_disabled"
    PERSON_ENABLED = "person_enabled"
    ROLE_CHANGED = "role_changed"
    FACTOR_ADDED = "factor_added"
    FACTOR_REMOVED = "factor_removed"
    RECOVERY_USED = "recovery_used"
    RECOVERY_RENEWED = "recovery_renewed"
    TOKEN_MADE = "token_made"  # noqa: S105 - a deed, no token
    TOKEN_ENDED = "token_ended"  # noqa: S105 - a deed, no token
    CLIENT_ADDED = "client_added"
    CLIENT_REMOVED = "client_removed"
    CODE_REPLAYED = "code_replayed"
    CONSENT_GIVEN = "consent_given"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    DEVICE_APPROVED = "device_approved"
    DEVICE_REFUSED = "device_refused"
    CONNECTION_LINKED = "connection_linked"
    CONNECTION_RENEWED = "connection_renewed"
    DISCONNECTED = "disconnected"
    HISTORY_DELETED = "history_deleted"
    EXPORTED = "exported"
    BACKED_UP = "backed_up"
    RESTORED = "restored"
    KEY_ROTATED = "key_rotated"
    SIGNING_KEY_ROTATED = "signing_key_rotated"
    PRICE_ACCEPTED = "price_accepted"
    RATE_SET = "rate_set"
    RATE_REMOVED = "rate_removed"
    DECOY_TOUCHED = "decoy_touched"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One deed. `user_id` is whom it concerns, `subject` the public id of what it was done to.

    Who did it, from where and at whose request is not said here: it is bound where the request came
    in (domain/asking.py). `facts` are short texts, and never a secret: no password, token, code, or
    what somebody typed where those belong.
    """

    kind: AuditKind
    user_id: int | None = None
    subject: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
