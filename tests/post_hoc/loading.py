"""Ways to load a state dict; MMEngine's calls private methods of modules."""

from importlib.util import find_spec


def torch_load_state_dict(module, state_dict):
    module.load_state_dict(state_dict)


LOADS = {'torch': torch_load_state_dict}
if find_spec('mmengine') is not None:
    from mmengine.runner.checkpoint import load_state_dict

    LOADS['mmengine'] = load_state_dict
