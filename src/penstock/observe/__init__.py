"""How we see what it does: logs without secrets, and metrics without identities."""
