"""Train generators: data, networks, objective, loop, export and evaluation. Requires PyTorch."""
