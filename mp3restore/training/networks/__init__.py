"""The networks, and the objective that they are trained on."""
