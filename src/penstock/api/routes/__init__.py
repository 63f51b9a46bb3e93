"""One file a noun: its schemas, then its routes."""
