"""How time reaches us: what is due is handed to the engine."""
