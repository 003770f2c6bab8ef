"""Sources that are refused."""

import pytest

from tests.preparation.tiny_set import prepare


def refused(message, images, source, root, **changes):
    """Assert that nothing is created and the error is one line."""
    with pytest.raises(ValueError, match=message) as error:
        prepare(images.entry(**changes), root, source)
    assert '\n' not in str(error.value)
    assert str(source) in str(error.value)
    assert list(root.iterdir()) == []
