"""Score the tool and other systems on the same clips."""
