"""Errors of libraries that input can cause: what they mean, and what to do.

No check can come before them: only the library sees both of the things that do not fit.
"""

import re

# Packages that an installation may lack, beside PyTorch and NumPy.
OPTIONAL = (
    'mmengine|mmcv|mmpretrain|mmdet|torchvision|torchmetrics|rich|matplotlib|plotly|'
    'scipy|sklearn|filelock|tabulate'
)
KNOWN: tuple[tuple[str, str], ...] = (
    (
        rf"^No module named '({OPTIONAL})\b",
        'A package is not installed that this needs: `mmgala doctor` says how to '
        'install it.',
    ),
    (
        r'operator torchvision::\w+ does not exist|Numpy is not available|'
        r"cannot import name '\w+' from '(torch|numpy|mmengine|mmcv)\b",
        'The releases of the installed packages do not fit together: `mmgala doctor` '
        'says which, and what to install.',
    ),
    (
        r'mat1 and mat2 shapes cannot be multiplied|expected input.* to have \d+ ch',
        'A layer gets features of another width than it was built for: set '
        'model.head.in_channels in the config to the channels that the backbone or the '
        'neck gives, or in_channels of the layer concerned to those of its input.',
    ),
    (
        r'stack expects each tensor to be equal size|size of tensor a .* must match|'
        'Trying to resize storage that is not resizable',  # in a data loader worker
        'The images of a batch have different sizes, or tensors do not fit: add a '
        'transform such as Resize or RandomResizedCrop to the pipeline.',
    ),
    (
        r'Class values must be smaller than num_classes',
        'Set data_preprocessor.num_classes, and model.head.num_classes, in the config '
        'to the number of classes.',
    ),
    (
        r'DataLoader worker .* (is killed|exited unexp)|unable to open shared mem',
        'A data loader worker was killed, mostly because memory ran out: set '
        'num_workers or batch_size of the data loader to a smaller number.',
    ),
    (
        r'PytorchStreamWriter failed|unexpected pos \d+ vs \d+|No space left on device',
        'A file could not be written completely: free some space on the disk.',
    ),
    (
        r'[Aa]ddress already in use|EADDRINUSE',
        'Another training uses this port: set MASTER_PORT in the environment to a '
        'free one.',
    ),
)


def remedy(text: str) -> str | None:
    """What to do about an error of a library, or ``None`` if it is not known."""
    return next((cure for sign, cure in KNOWN if re.search(sign, text)), None)
