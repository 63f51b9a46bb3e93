"""Penstock: a self-hosted financial data hub."""
