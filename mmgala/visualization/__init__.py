"""Pictures of class statistics; they know arrays, no runner."""

from mmgala.visualization.axes import save_figure
from mmgala.visualization.class_plots import (
    plot_class_accuracy,
    plot_gradient_statistics,
)
from mmgala.visualization.gradient_plots import (
    draw_gradient_course,
    draw_gradient_ratio,
    draw_gradient_sources,
    figure_to_image,
)

__all__ = [
    'draw_gradient_course',
    'draw_gradient_ratio',
    'draw_gradient_sources',
    'figure_to_image',
    'plot_class_accuracy',
    'plot_gradient_statistics',
    'save_figure',
]
