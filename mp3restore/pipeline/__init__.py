"""One file, from its samples to its result."""
