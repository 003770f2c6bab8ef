"""docs/components.md lists every registered class."""

import re

import pytest
from mmengine.registry import Registry

from mmgala import registry
from tests.docs.pages import ROOT

PAGE = (ROOT / 'docs/components.md').read_text()
LISTED = {
    name
    for cell in re.findall(r'^\| (`.*?) \|', PAGE, re.M)
    for name in re.findall(r'`(\w+)`', cell)
}


def test_every_registered_class_is_listed():
    pytest.importorskip('mmgala.detection')
    registered = set()
    for child in vars(registry).values():
        if isinstance(child, Registry):
            child.import_from_location()
            ours = child.module_dict.items()
            registered |= {n for n, c in ours if c.__module__.startswith('mmgala.')}
    assert registered == LISTED
