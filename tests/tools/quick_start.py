"""Named by ``custom_imports`` of configs that child processes train by."""

from tests.plain_config_text import plain_config_text

plain_config_text().start()
