"""Put a report's numbers, Plotly and the page's own script into one file."""

import html
import json
import math
import os
from pathlib import Path
from string import Template
from typing import Any

from mmgala.visualization.class_plots import COLOURS
from mmgala.visualization.html_report.checks import check_report
from mmgala.visualization.html_report.sentences import describe_run

FOLDER = Path(__file__).parent
# In this order: each uses only what stands before it.
SCRIPTS = (
    'data',
    'panels',
    'drawing',
    'class_axis',
    'class_figures',
    'vector_figures',
    'gradient_figures',
    'share_figures',
    'training_figures',
    'prediction_figures',
    'headline',
    'class_table',
    'main',
)
DIGITS = 5


def write_html_report(report: dict[str, Any], path: str | Path) -> None:
    """Write a report as one HTML file that needs no network.

    All charts are Plotly's; runs, shot groups, the order of the classes, and raw or
    re-balanced predictions are chosen on the page.

    Args:
        report: ``title``, ``limits``, ``classes``, ``runs`` and ``missing``, as
            :func:`mmgala.analysis.merge_runs` gives them; parts of a run that are
            ``None`` are left out. Numbers are kept to 5 significant digits; those that
            are not finite become gaps.
        path: file to write, whole or not at all.

    Raises:
        ValueError: if parts are missing, or runs are of different classes.
    """
    # Not above: all other pictures are of use without Plotly.
    from plotly.offline import get_plotlyjs

    check_report(report)
    runs = [
        {**run, 'sentences': describe_run(run, report['classes'])}
        for run in report['runs']
    ]
    page = Template(_read('template.html')).substitute(
        title=html.escape(report['title']),
        style=_read('report.css'),
        colours=html.escape(json.dumps(COLOURS)),
        plotly=get_plotlyjs(),
        data=_embedded({**report, 'runs': runs}),
        script='\n'.join(_read(f'js/{name}.js') for name in SCRIPTS),
    )
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f'{path.name}.partial')
    try:
        partial.write_text(page, encoding='utf-8')
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding='utf-8')


def _embedded(report: dict[str, Any]) -> str:
    """JSON that cannot end the script element it stands in, whatever names say."""
    text = json.dumps(_rounded(report), allow_nan=False, separators=(',', ':'))
    return text.replace('<', '\\u003c')


def _rounded(value: Any) -> Any:
    """Numbers to 5 significant digits, gaps for those that are not finite."""
    if isinstance(value, dict):
        return {key: _rounded(v) for key, v in value.items()}
    if hasattr(value, 'tolist'):  # NumPy's arrays and numbers
        return _rounded(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_rounded(v) for v in value]
    if isinstance(value, float):
        return float(f'{value:.{DIGITS}g}') if math.isfinite(value) else None
    return value
