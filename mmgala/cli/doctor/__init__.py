"""Which parts of mmgala work in an environment, and what the others need."""
