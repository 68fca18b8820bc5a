"""What a file is: its bitstream, its losses, and the strength they warrant."""
