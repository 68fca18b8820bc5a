"""Many files: which ones, under what names, which exist already, and who makes them."""
