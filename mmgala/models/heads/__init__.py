"""Classification heads."""

from mmgala.models.heads.gala_head import GALAHead

__all__ = ['GALAHead']
