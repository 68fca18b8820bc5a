"""Turn checkpoints into model folders, and back."""
