"""Files, checkpoints, progress and the environment: each in one place."""
