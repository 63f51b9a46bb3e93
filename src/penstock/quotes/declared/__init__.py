"""The parts of a source's declaration."""
