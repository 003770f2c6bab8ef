"""Imported by ``custom_imports`` of configs for training in child processes."""

from tests.plain_config_text import plain_config_text

plain_config_text().start()
