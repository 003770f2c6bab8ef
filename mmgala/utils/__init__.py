"""Files, checkpoints, tables, progress bars and the environment."""
