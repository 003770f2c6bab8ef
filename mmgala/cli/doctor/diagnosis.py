"""What of mmgala works in this environment, and what to install for the rest.

Like :mod:`mmgala.cli.doctor.probing`, this imports nothing but Python itself.
"""

import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field

from mmgala.cli.doctor.probing import Probe
from mmgala.version import __version__

INSTALL_PAGE = 'docs/install.md'
# Distributions that install the same files: only one of each line may be there.
RIVALS = (
    ('mmengine', 'onedl-mmengine', 'mmengine-lite'),
    ('mmcv', 'mmcv-lite', 'onedl-mmcv', 'mmcv-full'),
    ('mmpretrain', 'onedl-mmpretrain'),
    ('mmdet', 'onedl-mmdetection'),
    (
        'opencv-python',
        'opencv-python-headless',
        'opencv-contrib-python',
        'opencv-contrib-python-headless',
    ),
)
OPENMMLAB = RIVALS[:4]
# Modules, by the name of the distribution that `pip install` takes.
TOOLS = {
    'filelock': 'filelock',
    'rich': 'rich',
    'scipy': 'scipy',
    'tabulate': 'tabulate',
    'matplotlib': 'matplotlib',
    'plotly': 'plotly',
    'sklearn': 'scikit-learn',
}
EXPORT = {'onnx': 'onnx', 'onnxruntime': 'onnxruntime', 'onnxscript': 'onnxscript'}
CLASSIFICATION = ('mmengine', 'mmcv', 'torchvision', 'mmpretrain')


@dataclass(frozen=True)
class Part:
    """A part of mmgala.

    Attributes:
        name: for the list.
        use: what it is for.
        needs: probes, in the order in which to mend them.
        modules: further modules to import, by distribution.
    """

    name: str
    use: str
    needs: tuple[str, ...]
    modules: Mapping[str, str] = field(default_factory=dict)

    def probes(self) -> tuple[str, ...]:
        """All names to probe."""
        return (*self.needs, *self.modules)


CORE = Part(
    'core',
    'losses, metrics and post-hoc steps in plain PyTorch',
    ('torch', 'numpy', 'arrays', 'core'),
)
PARTS = (
    CORE,
    Part(
        'classification',
        'mmgala train, test, fit, retrain, compare',
        (*CORE.needs, *CLASSIFICATION, 'torchvision::nms', 'registry'),
        {k: v for k, v in TOOLS.items() if k not in ('plotly', 'sklearn')},
    ),
    Part('report', 'mmgala report', CORE.needs, TOOLS),
    Part(
        'detection',
        'detectors of MMDetection',
        (*CORE.needs, *CLASSIFICATION, 'mmcv.ops', 'mmdet', 'detection'),
        {'pycocotools': 'pycocotools', 'faster_coco_eval': 'faster-coco-eval'},
    ),
    Part('export', 'mmgala export to ONNX', CORE.needs, EXPORT),
)


@dataclass(frozen=True)
class PartResult:
    """Whether a part works.

    Attributes:
        name: of the part.
        use: what it is for.
        works: whether everything that it needs works.
        reason: what does not, in one line.
        remedy: what to install or to change.
    """

    name: str
    use: str
    works: bool
    reason: str = ''
    remedy: str = ''


@dataclass(frozen=True)
class Diagnosis:
    """All findings.

    Attributes:
        versions: version, or what is wrong, of each library.
        line: which releases of OpenMMLab are installed.
        devices: GPUs and threads.
        faults: what is wrong with the environment as a whole, with what to do.
        parts: result of each part of mmgala.
    """

    versions: dict[str, str]
    line: str
    devices: str
    faults: list[str]
    parts: list[PartResult]

    @property
    def core_works(self) -> bool:
        """Whether losses, metrics and post-hoc steps can be used."""
        return self.parts[0].works


def names_to_probe() -> list[str]:
    """Every probe that a part needs, each once."""
    names = [name for part in PARTS for name in part.probes()]
    return list(dict.fromkeys(['devices', *names]))


def installed_distributions() -> dict[str, str]:
    """Version of each installed distribution, by its normalised name."""
    found = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata['Name']
        if name:  # a half removed one has none
            found[name.lower().replace('_', '-')] = distribution.version
    return found


def diagnose(probes: Mapping[str, Probe], installed: Mapping[str, str]) -> Diagnosis:
    """Draw the conclusions.

    Args:
        probes: result of each of :func:`names_to_probe`.
        installed: version of each installed distribution.
    """
    devices = probes['devices']
    return Diagnosis(
        versions=_versions(probes, installed),
        line=openmmlab_line(installed),
        devices=devices.detail if devices.ok else 'unknown, as PyTorch does not work',
        faults=find_faults(installed),
        parts=[judge(part, probes, installed) for part in PARTS],
    )


def openmmlab_line(installed: Mapping[str, str]) -> str:
    """Which of the two lines of releases is installed: onedl, original, both, none."""
    original = any(group[0] in installed for group in OPENMMLAB)
    onedl = any(name in installed for g in OPENMMLAB for name in g if 'onedl' in name)
    if original and onedl:
        return 'both'
    return 'onedl' if onedl else 'original' if original else 'none'


def find_faults(installed: Mapping[str, str]) -> list[str]:
    """Distributions that overwrite each other's files, each with what to do."""
    faults = []
    for group in RIVALS:
        present = [name for name in group if name in installed]
        if len(present) > 1:
            faults.append(
                f'{" and ".join(present)} are both installed and have the same files: '
                f'run `pip uninstall -y {" ".join(present)}`, then install one of them.'
            )
    if not faults and openmmlab_line(installed) == 'both':
        mixed = [name for group in OPENMMLAB for name in group if name in installed]
        faults.append(
            f'Releases of OpenMMLab and of onedl are mixed ({", ".join(mixed)}): '
            f'uninstall one line, and install the other one whole ({INSTALL_PAGE}).'
        )
    return faults


def judge(
    part: Part, probes: Mapping[str, Probe], installed: Mapping[str, str]
) -> PartResult:
    """Whether a part works, and if not, the first thing to mend."""
    for name in part.needs:
        if not probes[name].ok:
            return PartResult(
                part.name, part.use, False, _reason(name, probes[name]),
                _remedy(name, probes[name], installed),
            )  # fmt: skip
    absent = [module for module in part.modules if not probes[module].ok]
    if not absent:
        return PartResult(part.name, part.use, True)
    reasons = '; '.join(_reason(module, probes[module]) for module in absent)
    packages = ' '.join(part.modules[module] for module in absent)
    return PartResult(part.name, part.use, False, reasons, f'pip install {packages}')


def _reason(name: str, probe: Probe) -> str:
    if probe.missing:
        return f'{name} is not installed'
    return f'{name} does not work ({probe.error})'


def _remedy(name: str, probe: Probe, installed: Mapping[str, str]) -> str:
    if name in ('torch', 'numpy'):
        again = '' if probe.missing else '--force-reinstall '
        return f'pip install {again}{name}'
    if name == 'arrays':
        return "pip install 'numpy<2', or a newer PyTorch"
    if name.startswith('torchvision'):
        return (
            'install torchvision together with torch, the same pair of releases and '
            f'from the same index ({INSTALL_PAGE})'
        )
    if name in ('mmcv.ops', 'mmdet', 'detection'):
        return f'install mmcv with its operators, and MMDetection ({INSTALL_PAGE})'
    if name in CLASSIFICATION:
        return _openmmlab_remedy(installed)
    return f'report this as a bug of mmgala {__version__}, with this page'


def _openmmlab_remedy(installed: Mapping[str, str]) -> str:
    if openmmlab_line(installed) == 'original':
        return 'pip install mmengine==0.10.7 mmcv-lite==2.1.0 mmpretrain==1.2.0'
    return "pip install 'mmgala[onedl]', then pip install --no-deps mmcv-lite"


def _versions(
    probes: Mapping[str, Probe], installed: Mapping[str, str]
) -> dict[str, str]:
    found = {'mmgala': __version__, 'Python': platform.python_version()}
    for name in ('torch', 'numpy', *CLASSIFICATION, 'mmdet'):
        probe = probes[name]
        found[name] = _version(probe, installed.get(name, ''))
        source = _distribution(name, installed)
        if source not in (None, name):
            found[name] += f' ({source})'
    modules = {module: d for part in PARTS for module, d in part.modules.items()}
    for module, distribution in modules.items():
        found[distribution] = _version(probes[module], installed.get(distribution, ''))
    return found


def _version(probe: Probe, installed: str) -> str:
    if probe.ok:
        return probe.detail or installed
    return 'not installed' if probe.missing else f'does not work ({probe.error})'


def _distribution(module: str, installed: Mapping[str, str]) -> str | None:
    """The distribution that a module of OpenMMLab comes from."""
    names = next((group for group in OPENMMLAB if group[0] == module), ())
    return next((name for name in names if name in installed), None)
