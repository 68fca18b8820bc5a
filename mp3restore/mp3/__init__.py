"""The MP3 bitstream: everything the encoder kept, granule by granule."""
