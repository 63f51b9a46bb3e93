"""How people reach us in a terminal: a client of the API, and what acts on the installation."""
