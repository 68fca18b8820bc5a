"""Signal processing: transforms, resampling, running means, alignment."""
