"""A small web page on this computer, for people who do not use terminals."""
