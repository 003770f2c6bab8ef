"""The site: it builds without a warning, and describes every public name."""

import subprocess
import sys
from importlib import import_module

import pytest

from mmgala import registry
from tests.docs.pages import ROOT
from tests.tools.command_line import environment

pytest.importorskip('sphinx', reason='pip install -r requirements/docs.txt')

PACKAGES = (
    *('analysis', 'apis', 'comparison', 'console', 'datasets', 'detection', 'engine'),
    *('evaluation', 'functional', 'losses', 'models.backbones', 'models.classifiers'),
    *('models.heads', 'post_hoc', 'preparation', 'retraining', 'sharding'),
    'visualization',
)


def build(source, out, *options):
    """Run the command of `make docs`; its result."""
    return subprocess.run(
        [sys.executable, '-m', 'sphinx', '-W', '--keep-going', '-q', *options]
        + [str(source), str(out)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    """Folder of the built site."""
    out = tmp_path_factory.mktemp('site')
    result = build('docs', out)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout + result.stderr == ''
    return out


@pytest.fixture(scope='module')
def described(site):
    """Names of Python objects, and the page of each."""
    from sphinx.util.inventory import InventoryFile

    inventory = InventoryFile.loads((site / 'objects.inv').read_bytes(), uri='')
    return {
        name: item.uri.partition('#')[0]
        for kind, items in inventory.data.items()
        if kind.startswith('py:')
        for name, item in items.items()
    }


@pytest.mark.parametrize('package', PACKAGES)
def test_every_public_name_is_described(package, described):
    names = import_module(f'mmgala.{package}').__all__
    assert [n for n in names if f'mmgala.{package}.{n}' not in described] == []


def test_every_package_with_public_names_is_described():
    folders = (ROOT / 'mmgala').glob('**/__init__.py')
    packages = {
        '.'.join(path.parent.relative_to(ROOT / 'mmgala').parts)
        for path in folders
        if '__all__' in path.read_text()
    }
    within = {name for name in packages if name.rpartition('.')[0] in PACKAGES}
    assert packages - within - {''} == set(PACKAGES)


def test_every_registered_class_is_described(described):
    for child in vars(registry).values():
        if isinstance(child, registry.Registry):
            child.import_from_location()
            for name, kind in child.module_dict.items():
                if kind.__module__.startswith('mmgala.'):
                    assert f'{kind.__module__}.{name}' in described


def test_nothing_is_fetched(site):
    """Pages are read from a disk: no script, style, font or image of another host."""
    pages = [path for path in site.glob('**/*.html') if '_modules' not in path.parts]
    assert len(pages) > 40
    for path in pages:
        for text in ('src="http', '<link rel="stylesheet" type="text/css" href="http'):
            assert text not in path.read_text(), path


def test_a_link_that_leads_nowhere_is_an_error(tmp_path):
    """The warnings that make the build fail are on."""
    (tmp_path / 'index.md').write_text('# Title\n\n[missing](nowhere.md)\n')
    (tmp_path / 'conf.py').write_text("extensions = ['myst_parser']\n")
    result = build(tmp_path, tmp_path / 'out')
    assert result.returncode != 0
    assert 'nowhere.md' in result.stderr


def test_no_letter_was_taken_for_the_number_of_a_list(site):
    """`num_classes: C.` in a docstring would be item C of a list."""
    pages = [*site.glob('api/*.html')]
    assert len(pages) > 10
    assert [p.name for p in pages if '<ol class="upper' in p.read_text()] == []
