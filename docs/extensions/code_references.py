"""References to classes and functions by any of their names.

Sphinx knows a public name by the package that exports it, and by the module that
defines it. A docstring may use a name that its module imports, or that of another
package. A name that is not public leads to its source. What does not exist is left
alone, and so becomes a warning.
"""

import inspect
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils import get_source_line
from repository_files import repository_address
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

MISSING = object()


def lookup(name: str) -> Any:
    """The object of a dotted name; ``MISSING`` if there is none."""
    parts = name.split('.')
    for end in range(len(parts), 0, -1):
        try:
            found = import_module('.'.join(parts[:end]))
        except ImportError:
            continue
        for part in parts[end:]:
            found = inspect.getattr_static(found, part, MISSING)
            if found is MISSING:
                return MISSING
        return found
    return MISSING


def module_of_docstring(node: nodes.Node) -> str:
    """Module in whose source the docstring of a reference stands."""
    source, _, name = (get_source_line(node)[0] or '').partition(':docstring of ')
    parts = name.partition(':')[0].split('.')
    while parts and '.'.join(parts) not in sys.modules:
        parts.pop()
    return '.'.join(parts)


def referred(node: pending_xref) -> Any:
    """The object that a reference means; ``MISSING`` if there is none."""
    target = node['reftarget'].lstrip('.')
    within = [module_of_docstring(node), node.get('py:module') or '', 'mmgala']
    if node.get('py:class'):
        within.insert(0, f'{node["py:module"]}.{node["py:class"]}')
    for name in (target, *(f'{where}.{target}' for where in within if where)):
        if name.startswith('mmgala') and (found := lookup(name)) is not MISSING:
            return found
    return MISSING


def source_of(found: Any) -> Path | None:
    """File of a module, class or function of mmgala; ``None`` for anything else."""
    if inspect.ismodule(found) and found.__name__.startswith('mmgala'):
        return Path(str(found.__file__))
    if str(getattr(found, '__module__', '')).startswith('mmgala'):
        return Path(inspect.getfile(inspect.unwrap(found)))
    return None


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: nodes.TextElement
) -> nodes.Node | None:
    """A link to a public object under its name, or to the source of another."""
    if node.get('refdomain') != 'py':
        return None
    found = referred(node)
    if found is MISSING:
        return None
    domain = env.get_domain('py')
    for name in domain.objects:
        if name.startswith('mmgala') and lookup(name) is found:
            page, anchor = domain.objects[name].docname, domain.objects[name].node_id
            uri = app.builder.get_relative_uri(node['refdoc'], page)
            return nodes.reference(
                '', '', shown, refuri=f'{uri}#{anchor}', internal=True
            )
    if (path := source_of(found)) is None:
        return None
    uri = repository_address(app, node['refdoc'], path)
    return nodes.reference('', '', shown, refuri=uri)


def setup(app: Sphinx) -> dict[str, bool]:
    """Resolve what Sphinx does not find itself."""
    app.connect('missing-reference', resolve)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
