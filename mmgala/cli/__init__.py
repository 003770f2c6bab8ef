"""Arguments and errors of the command-line tools."""
