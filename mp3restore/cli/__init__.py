"""The command line: options, terminal, exit codes; no signal processing."""
