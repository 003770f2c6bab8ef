"""Export of trained classifiers, to serve them without mmgala."""

from mmgala.apis.export.export import ExportReport, export_model

__all__ = ['ExportReport', 'export_model']
