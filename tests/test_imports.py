"""What is imported only when it is needed; `lint-imports` checks the layers."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_hooks_need_no_library_of_the_analyses():
    # An OpenMMLab installation of one's own has none of these.
    code = (
        'import sys\n'
        "for name in ('plotly', 'scipy', 'torchmetrics', 'matplotlib.figure'):\n"
        '    sys.modules[name] = None\n'
        'from mmgala.engine import ClassCountsHook, GradientStatisticsHook\n'
        'GradientStatisticsHook()\n'
    )
    subprocess.run([sys.executable, '-c', code], check=True, cwd=ROOT, timeout=120)
