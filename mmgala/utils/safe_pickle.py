"""A ``pickle`` module for ``torch.load`` that only builds weights and plain data.

PyTorch 2.5 and later do this themselves (``weights_only=True`` with ``safe_globals``).
Older versions accept no further types, and refuse every checkpoint of MMEngine.
"""

import importlib
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch

BUILDERS = {
    'torch._utils': (
        '_rebuild_tensor', '_rebuild_tensor_v2', '_rebuild_tensor_v3',
        '_rebuild_parameter', '_rebuild_parameter_with_state', '_rebuild_sparse_tensor',
    ),
    'torch': ('device', 'Size', 'Tensor'),
    'torch.nn.parameter': ('Parameter',),
    'collections': ('OrderedDict',),
    '_codecs': ('encode',),  # NumPy's bytes
}  # fmt: skip


class SafePickle:
    """The functions of ``pickle`` that ``torch.load(pickle_module=...)`` calls.

    Args:
        allowed: further functions and types, by full name.
        state_types: types among them whose state may be set.
    """

    def __init__(
        self, allowed: Mapping[str, Any], state_types: tuple[type, ...]
    ) -> None:
        buildable = (OrderedDict, torch.Tensor, *state_types)

        # The implementation in Python, as that in C cannot check the target of BUILD.
        base: Any = pickle._Unpickler

        class Unpickler(base):
            dispatch = dict(base.dispatch)

            def find_class(self, module: str, name: str) -> Any:
                module = module.replace('__builtin__', 'builtins')  # protocol 2
                if (full := f'{module}.{name}') in allowed:
                    return allowed[full]
                dtype = module == 'torch' and getattr(torch, name, None)
                if name in BUILDERS.get(module, ()) or isinstance(dtype, torch.dtype):
                    return getattr(importlib.import_module(module), name)
                raise pickle.UnpicklingError(f'GLOBAL {full} is not allowed')

            def load_build(self) -> None:
                if not isinstance(self.stack[-2], buildable):
                    kind = type(self.stack[-2])
                    raise pickle.UnpicklingError(f'cannot set the state of {kind}')
                base.load_build(self)

            dispatch[pickle.BUILD[0]] = load_build

        self.Unpickler = Unpickler
        self.__name__ = __name__  # PyTorch looks for other modules it knows

    def load(self, file: Any, **options: Any) -> Any:
        """Read one object from a file."""
        return self.Unpickler(file, **options).load()
