"""Compilation of whole functions, without a C++ compiler."""

from collections.abc import Callable

import torch


def compile_whole(function: Callable) -> Callable:
    """Compile a function or a module as one graph; a graph break is an error."""
    torch._dynamo.reset()
    return torch.compile(function, fullgraph=True, backend='aot_eager')
