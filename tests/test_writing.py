"""Every file that the project writes is replaced when it is complete."""

import ast

import pytest

from tests.tools.command_line import ROOT

WRITERS = {'save', 'savez', 'savez_compressed', 'savefig', 'write_text', 'write_bytes'}
# Modules that write files in a folder that appears when it is complete, files that are
# continued, or no files.
EXCEPTIONS = {
    'mmgala/preparation/archives.py',
    'mmgala/preparation/cifar.py',
    'mmgala/preparation/download.py',
    'mmgala/preparation/images.py',
    'mmgala/preparation/plankton.py',
    'mmgala/retraining/features.py',
    'mmgala/comparison/worker.py',  # the log
    'mmgala/console/output.py',  # the log
    'mmgala/utils/command_record.py',  # a line for each command
    'mmgala/console/streams.py',  # a descriptor
    'mmgala/apis/thumbnails.py',  # memory
    'mmgala/engine/safe_saving.py',
    'mmgala/sharding/checkpoint.py',  # a folder that counts when its last file is there
}
FILES = [
    path
    for folder in ('mmgala', 'tools')
    for path in sorted((ROOT / folder).glob('**/*.py'))
    if str(path.relative_to(ROOT)) not in EXCEPTIONS
]


def writes_in_place(call):
    """Whether a call writes to a path, and not to that of ``replacing``."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else None
    if isinstance(function, ast.Name) and function.id == 'open':
        modes = [*call.args[1:2], *(k.value for k in call.keywords if k.arg == 'mode')]
        return any(set(ast.literal_eval(mode)) & set('wax+') for mode in modes)
    return name in WRITERS and 'unfinished' not in ast.unparse(call)


@pytest.mark.parametrize('path', FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_written_in_place(path):
    calls = [
        n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)
    ]

    assert [ast.unparse(call) for call in calls if writes_in_place(call)] == []


@pytest.mark.parametrize(
    ('code', 'found'),
    [
        ("open('x', 'w')", True),
        ("open('x', mode='ab')", True),
        ("open('x', 'rb')", False),
        ('np.savez(path, a=1)', True),
        ('np.savez(unfinished, a=1)', False),
        ("Path('x').write_text('a')", True),
    ],
)
def test_writing_in_place_is_recognised(code, found):
    assert writes_in_place(ast.parse(code, mode='eval').body) == found
