"""MP3 bitstream: what the encoder kept, granule by granule."""
