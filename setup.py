"""Installs mmgala; everything fixed is in pyproject.toml."""

from pathlib import Path

from setuptools import setup


def requirements(name: str) -> list[str]:
    """The packages in requirements/<name>.txt, without pip's own options."""
    text = Path(__file__).with_name('requirements').joinpath(f'{name}.txt').read_text()
    return [line for line in text.splitlines() if line and line[0] not in '#-']


# No extra brings mmcv or mmdet: none can say how they must be installed, and a plain
# `pip install` of them breaks the stack (requirements/mmcv-lite.txt,
# requirements/detection-no-deps.txt). `onedl` is the stack without mmcv.
extras = {
    'tools': requirements('tools'),
    'onedl': requirements('tools') + requirements('classification'),
    'tests': requirements('tests'),
}

setup(
    extras_require=extras,
    package_data={
        'mmgala.datasets.class_counts': ['*.json'],
        'mmgala.visualization': [
            'report_page/*.html',
            'report_page/*.css',
            'report_page/js/*.js',
        ],
    },
)
