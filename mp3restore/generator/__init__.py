"""The network and everything around it; arrays in, arrays out."""
