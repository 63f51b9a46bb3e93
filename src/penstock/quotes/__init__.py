"""What things are worth: sources as declarations, and one engine that asks them."""
