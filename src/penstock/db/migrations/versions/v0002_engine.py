"""What the engine remembers of its runs: images, archive, quarantine, suggestions, refreshes."""

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing yet."""
