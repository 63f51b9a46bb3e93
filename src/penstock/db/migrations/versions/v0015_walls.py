"""Row-level security on PostgreSQL: a caller sees their own rows, whatever a query says."""

from alembic import op

from penstock.db.wall import enclosing, of_owner, of_parent

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_WITH_OWNER = (
    "accounts",
    "balances",
    "connections",
    "consents",
    "erasures",
    "feeds",
    "file_accounts",
    "holdings",
    "idempotency_keys",
    "links",
    "mappings",
    "quarantine",
    "runs",
    "suggestions",
    "transactions",
)
_OF_A_CONNECTION = (
    "archives",
    "credentials",
    "cursors",
    "hook_events",
    "hook_subscriptions",
    "leases",
    "notices",
    "refreshes",
    "run_commits",
)
_RULES = {
    **{table: of_owner() for table in _WITH_OWNER},
    **{table: of_parent("connection_id", "connections") for table in _OF_A_CONNECTION},
    "users": of_owner("users.id"),
    "authorization_codes": of_owner("user_id"),
    "sessions": of_owner("user_id"),
    "refresh_tokens": of_parent("session_id", "sessions"),
    "browser_sessions": of_parent("session_id", "sessions"),
    "personal_tokens": of_owner("user_id"),
    "factors": of_owner("user_id"),
    "recovery_codes": of_owner("user_id"),
    "half_sign_ins": of_owner("user_id"),
    "invitations": of_owner("user_id"),
    # What has no connection is counted for everybody together: a provider's whole budget.
    "budgets": f"connection_id IS NULL OR {of_parent('connection_id', 'connections')}",
    # What has no owner is the installation's own.
    "data_keys": f"owner_id IS NULL OR {of_owner()}",
    "wrapped_keys": of_parent("data_key_id", "data_keys"),
    "aliases": of_parent("account_id", "accounts"),
    "alias_images": of_parent("account_id", "accounts"),
    "tie_outs": of_parent("account_id", "accounts"),
    "archive_answers": of_parent("archive_id", "archives"),
    "before_images": of_parent("transaction_id", "transactions"),
    "cursor_images": of_parent("run_id", "runs"),
    "holding_images": of_parent("holding_id", "holdings"),
    "suggestion_rows": of_parent("suggestion_id", "suggestions"),
}


def upgrade() -> None:
    """Put each table that has an owner behind the wall. SQLite has no such thing."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, rule in _RULES.items():
        for statement in enclosing(table, rule):
            op.execute(statement)
