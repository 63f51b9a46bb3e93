"""What things are. The standard library only: no input, no output, no clock of its own."""
