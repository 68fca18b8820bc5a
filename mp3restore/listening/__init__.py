"""Blind listening tests: pages for listeners, and the analysis of their results."""
