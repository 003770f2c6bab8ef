"""Self-contained HTML report on gradients, class weight vectors and predictions.

The page is made of the files in ``report_page/``.
"""

import html
import json
import math
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

from mmgala.functional import METRIC_NAMES
from mmgala.utils.files import write_text
from mmgala.visualization.axes import COLOURS
from mmgala.visualization.report_check import check_report
from mmgala.visualization.report_sentences import describe_method

PAGE_FOLDER = Path(__file__).parent / 'report_page'
# In the order in which they stand on the page.
SECTIONS = (
    'headline',
    'accuracy',
    'samples',
    'confusions',
    'predictions',
    'curves',
    'gradients',
    'training',
    'vectors',
    'classes',
    'setup',
)
# Later ones prevail.
STYLES = (
    'base',
    'controls',
    'figures',
    'tables',
    'headline',
    'answer',
    'class_table',
    'samples',
    'confusions',
    'setup',
    'phone',
    'print',
)
# In the order of their dependencies.
SCRIPTS = (
    'data',
    'elements',
    'method_rows',
    'answer',
    'drawing',
    'class_axis',
    'class_figures',
    'gradient_figures',
    'training_figures',
    'prediction_figures',
    'headline',
    'class_table',
    'curves',
    'samples',
    'confusions',
    'setup',
    'main',
)
SIGNIFICANT_DIGITS = 5


def write_html_report(report: dict[str, Any], path: str | Path) -> None:
    """Write a report as one HTML file that needs no network.

    The page has interactive Plotly charts, and controls for runs, shot groups, the
    order of classes, and raw or re-balanced predictions.

    Args:
        report: report from :func:`mmgala.analysis.merge_runs`, with ``title``,
            ``limits``, ``classes``, ``runs`` and ``missing``. Parts of a run may be
            ``None``. Numbers are rounded to 5 significant digits; non-finite numbers
            become gaps.
        path: file to write.

    Raises:
        TypeError: if the report is not a dict.
        ValueError: if parts are missing, or runs have different classes.
    """
    # Imported here, as the other plots do not need Plotly.
    from plotly.offline import get_plotlyjs

    check_report(report)
    runs, classes = report['runs'], report['classes']
    methods = [
        {
            **method,
            'sentences': describe_method([runs[i] for i in method['runs']], classes),
        }
        for method in report.get('methods') or methods_of(runs)
    ]
    page = Template(_read('page.html')).substitute(
        title=html.escape(report['title']),
        style=_joined('css', STYLES, 'css'),
        sections=_joined('sections', SECTIONS, 'html'),
        colours=html.escape(json.dumps(COLOURS)),
        plotly=get_plotlyjs(),
        answer=_read('sections/answer.html'),
        data=_embedded({**report, 'methods': methods, 'metric_names': METRIC_NAMES}),
        script=_joined('js', SCRIPTS, 'js'),
    )
    write_text(path, page)


def methods_of(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each run as a method of one seed, for reports that do not group them."""
    return [
        {'name': run['name'], 'runs': [index], 'seeds': [0]}
        for index, run in enumerate(runs)
    ]


def _read(name: str) -> str:
    return (PAGE_FOLDER / name).read_text(encoding='utf-8')


def _joined(folder: str, names: Sequence[str], suffix: str) -> str:
    return '\n'.join(_read(f'{folder}/{name}.{suffix}') for name in names)


def _embedded(report: dict[str, Any]) -> str:
    """Convert to JSON that is safe inside a script element."""
    text = json.dumps(_rounded(report), allow_nan=False, separators=(',', ':'))
    return text.replace('<', '\\u003c')


def _rounded(value: Any) -> Any:
    """Round numbers to 5 significant digits; non-finite ones become None."""
    if isinstance(value, dict):
        return {key: _rounded(v) for key, v in value.items()}
    if hasattr(value, 'tolist'):  # NumPy arrays and scalars
        return _rounded(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_rounded(v) for v in value]
    if isinstance(value, float):
        return (
            float(f'{value:.{SIGNIFICANT_DIGITS}g}') if math.isfinite(value) else None
        )
    return value
