"""Configs that are wrong as a whole."""

from collections.abc import Iterator

from benchmarks.reliability.bad_inputs.case import BadInput, replaced

# Name: text of the config, and what the line must name besides the file.
CONFIGS: dict[str, tuple[str | bytes, str]] = {
    'syntax error': ('model = dict(\ntrain_cfg = 3\n', 'line'),
    'unclosed string': ("_base_ = 'x\n", 'line 1'),
    'name that is not defined': ('model = dict(type=GALAHead)\n', 'GALAHead'),
    'raises': ("raise RuntimeError('as I say')\n", 'as I say'),
    'divides by zero': ('lr = 1 / 0\n', 'line 1'),
    'exits': ('import sys\nsys.exit(0)\n', 'exit'),
    'missing import': ('import nowhere_to_be_found\n', 'model'),
    'base of itself': ("_base_ = 'config.py'\n", '_base_'),
    'missing base': ("_base_ = 'nowhere.py'\n", 'nowhere.py'),
    'base in no package': ("_base_ = 'nowhere::x.py'\n", 'package'),
    'base that is a number': ('_base_ = 3\n', '_base_'),
    'only a comment': ('# nothing\n', 'model'),
    'no model': ('train_cfg = dict(max_epochs=1)\n', 'model'),
    'tabs and spaces': ('if True:\n\ta = 1\n        b = 2\n', 'line'),
    'null byte': (b'model = dict(\0)\n', 'config.py'),
    'Latin-1': ('# Ã¼\n'.encode('latin-1') + b"a = '\xfc'\n", 'config.py'),
    'deep brackets': ('a = ' + '(' * 5000 + ')' * 5000 + '\n', 'config.py'),
    'unknown type': ("model = dict(type='Nope')\n", 'config'),
}  # fmt: skip

# The same for files of other formats.
OTHER: dict[str, tuple[str, str]] = {
    'list.json': ('[1, 2]', 'list.json'),
    'number.json': ('3', 'number.json'),
    'deep.json': ('[' * 100_000, 'deep.json'),
    'broken.json': ('{"model": ', 'broken.json'),
    'list.yaml': ('- 1\n- 2\n', 'list.yaml'),
    'tag.yaml': ('a: !!python/object/apply:os.getcwd []\n', 'tag.yaml'),
    'broken.yaml': ('a: [1, \nb: }\n', 'broken.yaml'),
    'config.txt': ('model = dict()\n', 'config.txt'),
    'config': ('model = dict()\n', 'config'),
}

METHODS_FILES: dict[str, tuple[str, str]] = {
    'no methods': ('a = 1\n', 'methods'),
    'methods a number': ('methods = 3\n', 'methods'),
    'method a number': ('methods = dict(mine=3)\n', 'mine'),
    'head a number': ('methods = dict(mine=dict(head=3))\n', 'head'),
    'loss a text': ("methods = dict(mine=dict(loss='x'))\n", 'loss'),
    'hooks a dict': (
        'methods = dict(mine=dict(custom_hooks=dict()))\n',
        'custom_hooks',
    ),
    'hooks of text': (
        "methods = dict(mine=dict(custom_hooks=['x']))\n",
        'custom_hooks',
    ),
    'unknown part': ('methods = dict(mine=dict(loss=dict(), lr=1))\n', 'lr'),
    'syntax error': ('methods = dict(\n', 'line'),
}

READERS = ('train', 'test', 'fit', 'compare')


def configs() -> Iterator[BadInput]:
    """Yield each wrong config, for the tools in turn."""
    for index, (name, (text, word)) in enumerate(CONFIGS.items()):
        for tool in (READERS[index % 2], READERS[2 + index % 2]):
            spoil = replaced('config.py', text)
            yield BadInput('configs', name, tool, (), (word,), spoil)
    for index, (file, (text, word)) in enumerate(OTHER.items()):
        tool = READERS[index % 4]
        spoil = replaced(file, text)
        yield BadInput('configs', file, tool, (), (word,), spoil, config=file)
    for name, (text, word) in METHODS_FILES.items():
        arguments = ('--methods', 'ce', 'mine', '--methods-file', 'methods.py')
        spoil = replaced('methods.py', text)
        yield BadInput('configs', f'methods.py: {name}', 'compare', arguments,
                       (word,), spoil)  # fmt: skip
