"""Who somebody is, and what they may do here: people, passwords, sessions, tokens, scopes."""
