"""Plots and HTML reports of statistics by class, from plain arrays."""

from mmgala.visualization.axes import save_figure
from mmgala.visualization.class_plots import (
    plot_accuracy_by_count,
    plot_class_accuracy,
    plot_class_mass,
    plot_class_vectors,
    plot_gradient_statistics,
)
from mmgala.visualization.comparison_plots import (
    MethodPoint,
    plot_head_vs_tail,
)
from mmgala.visualization.gradient_plots import (
    draw_gradient_course,
    draw_gradient_ratio,
    draw_gradient_sources,
    figure_to_image,
)
from mmgala.visualization.html_report import write_html_report
from mmgala.visualization.prediction_plots import (
    plot_reliability,
    plot_shot_confusion,
    plot_tau_curve,
)

__all__ = [
    'MethodPoint',
    'draw_gradient_course',
    'draw_gradient_ratio',
    'draw_gradient_sources',
    'figure_to_image',
    'plot_accuracy_by_count',
    'plot_class_accuracy',
    'plot_class_mass',
    'plot_class_vectors',
    'plot_gradient_statistics',
    'plot_head_vs_tail',
    'plot_reliability',
    'plot_shot_confusion',
    'plot_tau_curve',
    'save_figure',
    'write_html_report',
]
