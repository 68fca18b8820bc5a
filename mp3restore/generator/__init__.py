"""The network and all around it; arrays in, arrays out."""
