"""The parts of pages and pictures: templates, tracks, measures, plots, assets."""
