"""The authorization server: clients, codes, pushed requests, what people consented to."""

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing yet."""
