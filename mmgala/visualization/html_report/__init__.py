"""Self-contained HTML report on gradients, class weight vectors and predictions."""

from mmgala.visualization.html_report.page import write_html_report

__all__ = ['write_html_report']
