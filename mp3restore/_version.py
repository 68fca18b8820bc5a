"""The version of this package; the wheel, the tags of results and the command line read it here."""

__version__ = "0.1.0"
