"""The protocols that the bank speaks, one file each (more where one would be too long)."""
