"""How secrets are kept: sealed for their row, under a key that is not in the database."""
