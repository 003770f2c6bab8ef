"""What the sdist and the wheel contain, and that the wheel works on its own."""

import os
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_string
from pathlib import Path

import pytest
import yaml

from mmgala.version import __version__

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 600
BUILD = """
import sys
from setuptools import build_meta
getattr(build_meta, sys.argv[1])(sys.argv[2])
"""
REPOSITORY = 'https://example.org/someone/mmgala'
CONFIG = 'gala/resnet14_digits-lt.py'
# What is for development alone.
HIDDEN = ('.', 'Dockerfile')

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / '.git').exists(), reason='needs a clone'),
]


def run(*command, cwd, path='', messages=False, **variables):
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, 'PYTHONPATH': str(path), **variables},
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout + done.stderr * messages


def build(what, source, folder, **variables):
    """Build in a folder of its own, as setuptools leaves files beside the source."""
    folder.mkdir()
    run(sys.executable, '-c', BUILD, f'build_{what}', folder, cwd=source, **variables)
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope='module')
def tracked():
    """Files of the repository, as git knows them."""
    names = run('git', 'ls-files', '-z', cwd=ROOT).split('\0')
    return sorted(name for name in names if name and (ROOT / name).is_file())


@pytest.fixture(scope='module')
def sdist(tracked, tmp_path_factory):
    copy = tmp_path_factory.mktemp('source')
    for name in tracked:
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    return build('sdist', copy, tmp_path_factory.mktemp('dist') / 'sdist')


@pytest.fixture(scope='module')
def unpacked(sdist, tmp_path_factory):
    folder = tmp_path_factory.mktemp('unpacked')
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter='data')
    return folder / f'mmgala-{__version__}'


@pytest.fixture(scope='module')
def wheel(unpacked, tmp_path_factory):
    """Built from the sdist, as `pip install` does, for a place that is known."""
    folder = tmp_path_factory.mktemp('dist') / 'wheel'
    return build('wheel', unpacked, folder, MMGALA_REPOSITORY=f'{REPOSITORY}/')


@pytest.fixture(scope='module')
def content(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def metadata(content):
    return message_from_string(content[f'mmgala-{__version__}.dist-info/METADATA'])


def test_the_sdist_is_complete(unpacked, tracked):
    there = {p.relative_to(unpacked).as_posix() for p in unpacked.rglob('*')}
    missing = {name for name in tracked if not name.startswith(HIDDEN)} - there

    assert missing == set()


def test_the_wheel_has_the_package_and_nothing_else(content, tracked):
    package = {name for name in tracked if name.startswith('mmgala/')}
    own = {name for name in content if not name.startswith(('mmgala/.mim/', 'mmgala-'))}

    assert own == package
    assert 'mmgala/py.typed' in own


def test_the_wheel_has_what_mim_looks_for(content, tracked):
    mim = {name.removeprefix('mmgala/.mim/') for name in content if '/.mim/' in name}
    carried = {n for n in tracked if n.startswith(('configs/', 'tools/'))}
    index = yaml.safe_load(content['mmgala/.mim/model-index.yml'])
    models = [
        model
        for path in index['Import']
        for model in yaml.safe_load(content[f'mmgala/.mim/{path}'])['Models']
    ]
    # MIM finds configs by the names of their files, so these are unique.
    by_name = {f'by_name/{model["Name"]}.py' for model in models}

    assert mim == carried | {'model-index.yml'} | by_name
    assert {model['Config'] for model in models} <= carried


def test_addresses_are_those_of_the_repository(content):
    urls = metadata(content).get_all('Project-URL')
    metafile = yaml.safe_load(content['mmgala/.mim/configs/gala/metafile.yml'])
    weights = {model['Weights'] for model in metafile['Models'] if 'Weights' in model}

    assert urls
    assert all(f', {REPOSITORY}' in url for url in urls)
    assert weights == {
        f'{REPOSITORY}/raw/main/benchmarks/results/cifar100_lt/gala_if100_seed0.pth'
    }


def test_no_address_is_invented(unpacked, tmp_path):
    path = build('wheel', unpacked, tmp_path / 'dist', MMGALA_REPOSITORY='')
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name).decode() for name in archive.namelist()}

    assert metadata(content).get_all('Project-URL') is None


def test_the_wheel_trains_and_tests_outside_a_clone(wheel, tmp_path):
    site = tmp_path / 'site'
    run(
        sys.executable, '-m', 'pip', 'install', '-q', '--no-deps', '--no-index',
        '--target', site, wheel, cwd=tmp_path,
    )  # fmt: skip

    def mmgala(*arguments):
        return run(
            sys.executable, '-m', 'mmgala', *arguments, cwd=tmp_path, path=site,
            messages=True, CUDA_VISIBLE_DEVICES='', OMP_NUM_THREADS='1',
        )  # fmt: skip

    assert (site / 'bin' / 'mmgala').is_file()
    assert 'train a model' in mmgala('--help')
    mmgala('train', CONFIG, '--work-dir', 'run', '--cfg-options',
           'train_cfg.max_epochs=1', 'train_cfg.val_interval=1')  # fmt: skip
    where = run(sys.executable, '-c', 'import mmgala; print(mmgala.__file__)',
                cwd=tmp_path, path=site)  # fmt: skip
    assert where.startswith(str(site))
    tested = mmgala('test', CONFIG, 'run/epoch_1.pth', '--rebalance')
    assert 're-balanced with tau=1' in tested
    assert '| top-1 ' in tested


def test_an_editable_installation_links_to_the_clone(unpacked, tmp_path):
    run(
        sys.executable, '-m', 'pip', 'install', '-q', '--no-deps', '--no-index',
        '--no-build-isolation', '--target', tmp_path / 'site', '-e', unpacked,
        cwd=tmp_path,
    )  # fmt: skip
    mim = unpacked / 'mmgala' / '.mim'

    assert (mim / 'configs').samefile(unpacked / 'configs')
    assert (mim / 'tools' / 'train.py').is_file()
    alias = mim / 'by_name' / 'gala_resnet14_digits-lt.py'
    assert alias.read_text() == f"_base_ = '../configs/{CONFIG}'\n"
