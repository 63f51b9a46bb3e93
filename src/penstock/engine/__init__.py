"""What Penstock does: link, sync, refresh, tie out, forget."""
