"""The networks, and the objective they learn from."""
