"""Check that everything is in place, and measure how fast it runs."""
