"""The stacks that are tried, and how each of them is installed."""

from dataclasses import dataclass

# Arguments of `pip install`, and of one call each.
Installs = tuple[tuple[str, ...], ...]
# {project} is the checkout or the wheel. mmcv-lite comes without its dependencies: it
# declares the original `mmengine`, which has the same files as `onedl-mmengine`.
ONEDL: Installs = (('{project}[onedl]',), ('--no-deps', 'mmcv-lite'))
TOOLS: Installs = (('{project}',), ('{project}[tools]',))


@dataclass(frozen=True)
class Stack:
    """One environment.

    Attributes:
        title: what it is, for the table.
        python: version, ``major.minor``.
        before: what people have before they install mmgala, and what mmgala must
            leave untouched.
        project: how mmgala itself is installed.
        openmmlab: whether configs can be trained; else only the core is tried.
    """

    title: str
    python: str
    before: Installs
    project: Installs = ONEDL
    openmmlab: bool = True


def pair(torch: str, torchvision: str) -> Installs:
    """The first step of most stacks: PyTorch from PyPI."""
    return ((f'torch=={torch}', f'torchvision=={torchvision}'),)


def original(mmcv: str, mmengine: str = '0.10.7') -> Installs:
    """OpenMMLab's own last releases, as their documentation installs them."""
    return (
        ('torch==2.1.2', 'torchvision==0.16.2', 'numpy==1.26.4'),
        (f'mmengine=={mmengine}', mmcv, 'mmpretrain==1.2.0'),
    )


STACKS: dict[str, Stack] = {
    'original': Stack(
        'original releases, mmcv-lite', '3.10', original('mmcv-lite==2.1.0'), TOOLS
    ),
    'tried': Stack(
        'tried set of `constraints.txt`',
        '3.11',
        (
            ('-r', 'requirements/classification.txt'),
            ('--no-deps', '-r', 'requirements/mmcv-lite.txt'),
        ),
        TOOLS,
    ),
    'newest': Stack('newest PyTorch', '3.11', pair('2.15.0', '0.29.2')),
    'oldest': Stack('oldest PyTorch', '3.10', pair('2.4.1', '0.19.1')),
    'py310': Stack('PyTorch 2.11', '3.10', pair('2.11.0', '0.26.0')),
    'py312': Stack('PyTorch 2.11', '3.12', pair('2.11.0', '0.26.0')),
    'py313': Stack('newest PyTorch', '3.13', pair('2.15.0', '0.29.2')),
    'torch-only': Stack(
        'PyTorch alone, CPU build',
        '3.11',
        (('torch==2.13.0+cpu',),),
        (('{project}',),),
        openmmlab=False,
    ),
    'torch-only-oldest': Stack(
        'PyTorch alone, oldest',
        '3.10',
        (('torch==2.0.1', 'numpy==1.23.5'),),
        (('{project}',),),
        openmmlab=False,
    ),
}
