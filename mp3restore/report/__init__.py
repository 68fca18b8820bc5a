"""A page to hear and see what a restoration changed."""
