"""One self-contained page that shows what a training does to each class."""

from mmgala.visualization.html_report.page import write_html_report

__all__ = ['write_html_report']
