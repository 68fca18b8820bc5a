"""Reading and writing audio files, block by block."""
