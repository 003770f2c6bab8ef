"""Repeat every kind of fault on purpose, and count what was lost or went unsaid."""
