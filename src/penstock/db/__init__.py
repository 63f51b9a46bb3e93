"""What is remembered. One file is one table and its queries; nobody here commits (see lane.py)."""
