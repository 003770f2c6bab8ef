"""Installs mmgala; everything fixed is in pyproject.toml.

The environment variable MMGALA_REPOSITORY is the address of the repository, such as
https://github.com/OWNER/mmgala. A wheel that is built with it states it as its home,
and its model index names the weights there, so that `mim download` finds them.
"""

import os
import re
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
MIM = ('configs', 'tools', 'model-index.yml')  # what MIM looks for in mmgala/.mim
REPOSITORY = os.environ.get('MMGALA_REPOSITORY', '').rstrip('/')


def requirements(name: str) -> list[str]:
    """The packages in requirements/<name>.txt, without pip's own options."""
    text = (ROOT / 'requirements' / f'{name}.txt').read_text()
    return [line for line in text.splitlines() if line and line[0] not in '#-']


def urls() -> dict[str, str]:
    """Addresses for the metadata; empty if the repository is not known."""
    if not REPOSITORY:
        return {}
    return {
        'Homepage': REPOSITORY,
        'Documentation': f'{REPOSITORY}/tree/main/docs',
        'Changelog': f'{REPOSITORY}/blob/main/CHANGELOG.md',
        'Issues': f'{REPOSITORY}/issues',
    }


class BuildWithMim(build_py):
    """Adds ``mmgala/.mim``, as the packages of OpenMMLab have it."""

    def run(self) -> None:
        """Build the package; an editable one gets links to the files of the clone."""
        super().run()
        editable = getattr(self, 'editable_mode', False)
        folder = (ROOT if editable else Path(self.build_lib)) / 'mmgala' / '.mim'
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in MIM:
            if editable:
                (folder / name).symlink_to(Path('..', '..', name))
            elif (ROOT / name).is_dir():
                ignored = shutil.ignore_patterns('__pycache__')
                shutil.copytree(ROOT / name, folder / name, ignore=ignored)
            else:
                shutil.copy(ROOT / name, folder / name)
        write_unique_names(folder / 'by_name')
        if REPOSITORY and not editable:
            for path in folder.glob('configs/*/metafile.yml'):
                path.write_text(with_addresses(path.read_text()))


def write_unique_names(folder: Path) -> None:
    """Write a config for each model, named like it.

    MIM looks for a config by the name of its file, which configs of several methods
    share here.
    """
    folder.mkdir()
    for path in sorted(ROOT.glob('configs/[!_]*/*.py')):
        below = path.relative_to(ROOT).as_posix()
        name = f'{path.parent.name}_{path.name}'
        (folder / name).write_text(f"_base_ = '../{below}'\n")


def with_addresses(metafile: str) -> str:
    """A metafile whose weights are addresses in the repository."""
    place = rf'\1{REPOSITORY}/raw/main/'
    return re.sub(r'(?m)^( +Weights: )(?!https?:)', place, metafile)


# No extra brings mmcv or mmdet: none can say how they must be installed, and a plain
# `pip install` of them breaks the stack (requirements/mmcv-lite.txt,
# requirements/detection-no-deps.txt). `onedl` is the stack without mmcv.
extras = {
    'tools': requirements('tools'),
    'onedl': requirements('tools') + requirements('classification'),
    'completion': ['shtab>=1.7'],
    'export': requirements('export'),
    'tests': requirements('tests'),
    'docs': requirements('docs'),
    'examples': requirements('examples'),
}

setup(
    cmdclass={'build_py': BuildWithMim},
    extras_require=extras,
    project_urls=urls(),
    package_data={
        'mmgala': ['py.typed'],
        'mmgala.datasets.class_counts': ['*.json'],
        'mmgala.visualization': [
            'report_page/*.html',
            'report_page/css/*.css',
            'report_page/js/*.js',
            'report_page/sections/*.html',
        ],
    },
)
