"""How programs reach us: HTTP, JSON, and errors that say what to do."""
