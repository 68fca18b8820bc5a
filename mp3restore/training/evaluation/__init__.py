"""Scores of the tool and of other systems on the same clips."""
