"""Use cases: the only place that reads the clock, the environment and paths, and that joins the rooms."""
