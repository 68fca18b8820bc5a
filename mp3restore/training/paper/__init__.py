"""The networks of Lattner and Nistal (2021) as a baseline."""
