"""One module for each command of ``mmgala``."""
