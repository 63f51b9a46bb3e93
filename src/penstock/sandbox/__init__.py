"""The fake bank: a world that is pure and seeded, and the faces it shows over HTTP."""
