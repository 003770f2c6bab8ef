"""Readers and validators of annotation files."""
