"""Training of generators: data, networks, objective, loop, export and evaluation. Needs PyTorch."""
