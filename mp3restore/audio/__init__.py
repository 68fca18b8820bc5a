"""Audio files to blocks of samples and back, and their tags."""
