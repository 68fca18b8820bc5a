"""Signal arithmetic: transforms, rates, means, alignment."""
