"""What tests of tools/retrain_classifier.py share."""

import json

from tests.tools.command_line import call, options

TOOL = 'retrain_classifier'


def evaluate_on_validation(config, weights, folder):
    """Metrics of tools/test.py on the validation set."""
    out = folder / 'metrics.json'
    flags = options(test_dataloader__dataset__split='val')
    assert call('test', config, weights, '--out', out, *flags, cwd=folder) is None
    return {
        k.removeprefix('accuracy/'): v for k, v in json.loads(out.read_text()).items()
    }
