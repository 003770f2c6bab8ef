"""Pages and links outside of docs/, so that one text serves the forge and the site.

Some pages of the site stand elsewhere in the repository, where people look for them.
Links to files that are not on the site lead to the repository: on the web if the
variable MMGALA_REPOSITORY gives its address, and otherwise in this clone.
"""

import os
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.project import Project
from sphinx.transforms import SphinxTransform

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    'index': 'README.md',
    'changelog': 'CHANGELOG.md',
    'contributing': 'CONTRIBUTING.md',
    'security': 'SECURITY.md',
    'recipes': 'configs/gala/README.md',
    'detection_configs': 'configs/detection/README.md',
    'examples': 'examples/README.md',
    'collage_lvis': 'projects/collage_lvis/README.md',
    'gala_study': 'projects/gala_study/README.md',
}
"""Names on the site, and files in the repository."""


class RepositoryProject(Project):
    """Documents of docs/, and those of `PAGES`."""

    def discover(self, *args, **kwargs) -> set[str]:
        """Find all documents."""
        super().discover(*args, **kwargs)
        for name, file in PAGES.items():
            self.docnames.add(name)
            self._docname_to_path[name] = Path('..', file)
            self._path_to_docname[ROOT / file] = name
        return self.docnames


class RepositoryLinks(SphinxTransform):
    """Turn links to files that are not on the site into links to the repository."""

    default_priority = 400

    def apply(self) -> None:
        """Replace the nodes that MyST left for such links."""
        for node in list(self.document.findall(self._leads_outside)):
            uri = self._address(node['reftarget'])
            if uri is not None:
                text = node.astext()
                node.replace_self(nodes.reference('', text, refuri=uri))

    def _leads_outside(self, node: nodes.Node) -> bool:
        if isinstance(node, addnodes.download_reference):
            return True
        return (
            isinstance(node, addnodes.pending_xref)
            and node.get('reftype') == 'myst'
            and not node['reftarget'].startswith('#')
            and node['reftarget'] not in self.env.found_docs
        )

    def _address(self, target: str) -> str | None:
        """Address of a file or folder of the repository; None if there is none."""
        if Path(target).is_absolute():  # MyST takes any Markdown file for a document
            path = Path(target + '.md')
        else:
            path = Path(self.env.relfn2path(target.partition('#')[0])[1])
        if not path.exists() or not path.is_relative_to(ROOT):
            return None
        return repository_address(self.app, self.env.docname, path)


def repository_address(app: Sphinx, page: str, path: Path) -> str:
    """Address of a file or folder of the repository, for a link on a page."""
    if address := app.config.repository_address:
        kind = 'tree' if path.is_dir() else 'blob'
        return f'{address}/{kind}/main/{path.relative_to(ROOT).as_posix()}'
    folder = Path(app.outdir, f'{page}.html').parent
    return Path(os.path.relpath(path, folder)).as_posix()


def add_pages(app: Sphinx) -> None:
    """Let the project find the pages outside of docs/, too."""
    app.project.__class__ = RepositoryProject


def add_contents(app: Sphinx, page: str, source: list[str]) -> None:
    """Add the table of contents to the first page; the forge needs none."""
    if page == 'index':
        source[0] += ''.join(
            f'\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n'
            + '\n'.join(pages)
            + '\n```\n'
            for caption, pages in app.config.contents.items()
        )


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the pages, and the transform of links."""
    app.connect('builder-inited', add_pages)
    app.add_config_value('repository_address', '', 'env', types=str)
    app.add_config_value('contents', {}, 'env', types=dict)
    app.connect('source-read', add_contents)
    app.add_transform(RepositoryLinks)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
