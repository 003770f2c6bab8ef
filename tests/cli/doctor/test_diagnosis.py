"""Conclusions from faked environments."""

import pytest

from mmgala.cli.doctor.diagnosis import (
    PARTS,
    diagnose,
    find_faults,
    names_to_probe,
    openmmlab_line,
)
from mmgala.cli.doctor.probing import Probe

ONEDL = {'onedl-mmengine': '0.10.12', 'onedl-mmpretrain': '1.3.6', 'mmcv-lite': '2.2.0'}
ORIGINAL = {'mmengine': '0.10.7', 'mmcv-lite': '2.1.0', 'mmpretrain': '1.2.0'}
ABSENT = Probe(False, error='ModuleNotFoundError', missing=True)


def probes(**changes: Probe) -> dict[str, Probe]:
    """An environment in which everything works, but for some probes."""
    found = {name: Probe(True, '1.0') for name in names_to_probe()}
    changes = {name.replace('__', '.'): probe for name, probe in changes.items()}
    assert changes.keys() <= found.keys()
    return found | changes


def parts(found):
    return {part.name: part for part in found.parts}


def test_everything_works():
    found = diagnose(probes(), ONEDL)
    assert [part.name for part in found.parts if part.works] == [p.name for p in PARTS]
    assert found.faults == []
    assert found.core_works
    assert found.versions['mmcv'] == '1.0 (mmcv-lite)'
    assert found.versions['mmengine'] == '1.0 (onedl-mmengine)'


def test_torch_alone():
    bare = dict.fromkeys(names_to_probe(), ABSENT)
    works = {name: Probe(True) for name in ('torch', 'numpy', 'arrays', 'core')}
    found = diagnose(bare | works, {})
    assert found.core_works
    assert [part.name for part in found.parts if part.works] == ['core']
    assert 'mmgala[onedl]' in parts(found)['classification'].remedy


def test_without_torch_nothing_works():
    found = diagnose(dict.fromkeys(names_to_probe(), ABSENT), {})
    assert not found.core_works
    assert parts(found)['core'].remedy == 'pip install torch'
    assert found.versions['torch'] == 'not installed'


def test_numpy_2_under_an_old_torch():
    found = diagnose(probes(arrays=Probe(False, error='_ARRAY_API not found')), {})
    assert not found.core_works
    assert 'numpy<2' in parts(found)['core'].remedy


def test_torchvision_of_another_build():
    broken = Probe(False, error='operator torchvision::nms does not exist')
    found = diagnose(probes(torchvision=broken), ONEDL)
    part = parts(found)['classification']
    assert 'torchvision::nms' in part.reason
    assert 'same pair' in part.remedy


def test_lacking_tools_are_named_together():
    found = diagnose(probes(scipy=ABSENT, tabulate=ABSENT, sklearn=ABSENT), ORIGINAL)
    assert parts(found)['classification'].remedy == 'pip install scipy tabulate'
    assert parts(found)['report'].remedy == 'pip install scipy tabulate scikit-learn'


def test_the_remedy_keeps_to_the_installed_line():
    original = diagnose(probes(mmpretrain=ABSENT), {'mmengine': '0.10.7'})
    assert 'mmpretrain==1.2.0' in parts(original)['classification'].remedy
    onedl = diagnose(probes(mmpretrain=ABSENT), {'onedl-mmengine': '0.10.12'})
    assert 'onedl' in parts(onedl)['classification'].remedy


def test_mmcv_without_operators():
    found = diagnose(probes(mmcv__ops=ABSENT), ONEDL)
    assert parts(found)['classification'].works
    assert not parts(found)['detection'].works
    assert 'mmcv.ops' in parts(found)['detection'].reason


@pytest.mark.parametrize(
    ('installed', 'line'),
    [
        (ONEDL, 'onedl'),
        (ORIGINAL, 'original'),
        ({'mmcv-lite': '2.2.0'}, 'none'),
        (ONEDL | {'mmengine': '0.10.7'}, 'both'),
    ],
)
def test_the_line_of_releases(installed, line):
    assert openmmlab_line(installed) == line


def test_two_distributions_with_the_same_files_are_a_fault():
    assert find_faults(ONEDL) == find_faults(ORIGINAL) == []
    (fault,) = find_faults(ONEDL | {'mmengine': '0.10.7'})
    assert 'pip uninstall -y mmengine onedl-mmengine' in fault
    (fault,) = find_faults(
        ONEDL | {'opencv-python': '4.12', 'opencv-python-headless': '4.12'}
    )
    assert 'opencv-python-headless' in fault


def test_lines_mixed_over_packages_are_a_fault():
    (fault,) = find_faults({'mmengine': '0.10.7', 'onedl-mmpretrain': '1.3.6'})
    assert 'onedl-mmpretrain' in fault
    assert 'mmengine' in fault
