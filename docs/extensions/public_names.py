"""The directive ``public-names``: everything that a package exports.

    .. public-names:: mmgala.losses

gives a table of the names in ``__all__`` with their first sentences, then each with its
docstring: classes first, then functions, then constants. With names after the package,
only these.
"""

import contextlib
import inspect
import io
import sys
from importlib import import_module
from types import ModuleType

from docutils import nodes
from docutils.statemachine import StringList
from mmcv.transforms.utils import cache_randomness
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

ORDER = ('class', 'function', 'data')


def kind(module: ModuleType, name: str) -> str:
    """What a public name is, as autodoc calls it."""
    found = getattr(module, name)
    if inspect.isclass(found):
        return 'class'
    return 'function' if inspect.isfunction(found) else 'data'


def constant(module: ModuleType, name: str) -> list[str]:
    """Lines on a constant, with the docstring below its definition.

    Raises:
        ExtensionError: if there is none.
    """
    value = getattr(module, name)
    for source in sorted(sys.modules):
        if (
            source.startswith('mmgala.')
            and vars(sys.modules[source]).get(name) is value
        ):
            found = ModuleAnalyzer.for_module(source).find_attr_docs()
            if text := found.get(('', name)):
                return [f'.. py:data:: {name}', '', *(f'   {line}' for line in text)]
    raise ExtensionError(f'{module.__name__}.{name} has no docstring below it.')


def described(package: str, names: list[str]) -> list[str]:
    """Lines of reStructuredText for names of a package."""
    module = import_module(package)
    kinds = {name: kind(module, name) for name in names}
    names = sorted(names, key=lambda n: (ORDER.index(kinds[n]), n.lower()))
    listed = [name for name in names if kinds[name] != 'data']
    lines = [f'.. currentmodule:: {package}', '']
    lines += ['.. autosummary::', '   :nosignatures:', '']
    lines += [f'   {name}' for name in listed] + ['']
    for name in names:
        if kinds[name] == 'data':
            lines += constant(module, name)
            continue
        lines += [f'.. auto{kinds[name]}:: {name}']
        if kinds[name] == 'class':
            lines += ['   :members:', '   :show-inheritance:']
        lines += ['']
    return lines


class PublicNames(SphinxDirective):
    """A table of names, and their docstrings."""

    required_arguments = 1
    optional_arguments = 1000

    def run(self) -> list[nodes.Node]:
        """Parse what `described` writes."""
        package, *names = self.arguments
        names = names or import_module(package).__all__
        source, _ = self.get_source_info()
        section = nodes.Element()
        lines = StringList(described(package, names), source)
        self.state.nested_parse(lines, self.content_offset, section)
        return section.children


def leave_out_others(
    app: Sphinx, what: str, name: str, found: object, skip: bool, options: object
) -> bool:
    """Skip members whose code is of another library."""
    module = getattr(found, '__module__', None)
    return skip or not str(module or 'mmgala').startswith('mmgala')


def let_classes_have_cached_randomness() -> None:
    """MMCV's `cache_randomness` fails where a method is looked up on the class."""
    get = cache_randomness.__get__

    def on_class_too(self: cache_randomness, instance: object, owner: type) -> object:
        return self if instance is None else get(self, instance, owner)

    cache_randomness.__get__ = on_class_too


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    with contextlib.redirect_stdout(
        io.StringIO()
    ):  # MMPretrain misses what is optional
        import_module('mmgala.detection')
    let_classes_have_cached_randomness()
    app.connect('autodoc-skip-member', leave_out_others)
    app.add_directive('public-names', PublicNames)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
