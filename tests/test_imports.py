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


def test_commands_that_read_saved_files_import_no_data_sets():
    # These take seconds: more than the work on small files.
    code = (
        'import sys\n'
        "for name in ('mmpretrain', 'mmcv', 'torchvision'):\n"
        '    sys.modules[name] = None\n'
        'from mmgala.cli.programs import gradients, predictions, report\n'
    )
    subprocess.run([sys.executable, '-c', code], check=True, cwd=ROOT, timeout=120)


def test_the_core_does_not_import_the_compiler_of_pytorch():
    code = (
        'import sys\n'
        'from mmgala import GALALoss, gala_loss\n'
        "assert 'torch._dynamo' not in sys.modules\n"
    )
    subprocess.run([sys.executable, '-c', code], check=True, cwd=ROOT, timeout=120)
