"""The page that lets hear and see what a restoration did."""
