"""From recordings to aligned pairs of original and MP3 on disk."""
