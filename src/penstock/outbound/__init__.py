"""How we ask others: one HTTP client for every request that leaves, and what it refuses."""
