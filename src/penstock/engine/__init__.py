"""What Penstock does: link, sync, refresh, tie out, forget. The network is async, each write one function."""
