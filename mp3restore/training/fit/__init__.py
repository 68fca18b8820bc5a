"""The training loop, its steps, and the validation of a run."""
