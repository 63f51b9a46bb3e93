"""Prices: what sources answered, what was believed, and how hosts want to be asked."""

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
