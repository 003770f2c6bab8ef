"""The methods that can be compared: what each changes, and where it is from."""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

COSINE = dict(type='mmgala.CosineClsHead')
GALA = 'Zhang et al., ICASSP 2024, arXiv 2403.09036'


@dataclass(frozen=True)
class Method:
    """What is changed in a config, and nothing else is.

    Attributes:
        name: in tables.
        source: where it is from.
        loss: config of the loss; ``num_classes`` is filled in where it takes it.
        head: type and arguments instead of a linear head; other heads stay.
        custom_hooks: added to those of the config.
        needs_counts: whether it uses the class counts of the training set.
        settings: arguments of loss, head or hooks that the user gave.
        start: method whose finished training it starts from.
        retraining: settings of :func:`mmgala.retraining.retrain_classifier`.
    """

    name: str
    source: str
    loss: Mapping[str, Any] | None = None
    head: Mapping[str, Any] | None = None
    custom_hooks: Sequence[Mapping[str, Any]] = ()
    needs_counts: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    start: str | None = None
    retraining: Mapping[str, Any] = field(default_factory=dict)


def _loss(name: str, **arguments: Any) -> dict[str, Any]:
    return dict(type=f'mmgala.{name}', **arguments)


CATALOGUE = {
    method.name: method
    for method in (
        Method('ce', 'cross-entropy', dict(type='CrossEntropyLoss')),
        Method('gala', GALA, _loss('GALALoss'), dict(type='mmgala.GALAHead')),
        Method(
            'gala-official',
            f"{GALA}, as the authors' code has it",
            _loss('GALALoss', variant='official'),
            dict(type='mmgala.GALAHead'),
        ),
        Method(
            'balanced-softmax',
            'Ren et al., NeurIPS 2020, arXiv 2007.10740',
            _loss('BalancedSoftmaxLoss'),
            needs_counts=True,
        ),
        Method(
            'logit-adjustment',
            'Menon et al., ICLR 2021, arXiv 2007.07314',
            _loss('LogitAdjustmentLoss'),
            needs_counts=True,
        ),
        Method(
            'ldam',
            'Cao et al., NeurIPS 2019, arXiv 1906.07413',
            _loss('LDAMLoss'),
            COSINE,
            needs_counts=True,
        ),
        Method(
            'ldam-drw',
            'Cao et al., NeurIPS 2019, arXiv 1906.07413',
            _loss('LDAMLoss'),
            COSINE,
            (dict(type='mmgala.DeferredReweightingHook'),),
            needs_counts=True,
        ),
        Method(
            'cb-ce',
            'Cui et al., CVPR 2019, arXiv 1901.05555',
            _loss('ClassBalancedLoss'),
            needs_counts=True,
        ),
        Method(
            'cb-focal',
            'Cui et al., CVPR 2019, arXiv 1901.05555',
            _loss('ClassBalancedFocalLoss'),
            needs_counts=True,
        ),
        Method(
            'eql',
            'Tan et al., CVPR 2020, arXiv 2003.05176',
            _loss('EqualizationLoss'),
            needs_counts=True,
        ),
        Method(
            'seesaw',
            'Wang et al., CVPR 2021, arXiv 2008.10032',
            _loss('SeesawLoss'),
        ),
        Method(
            'gcl',
            'Li et al., CVPR 2022, arXiv 2305.11733',
            _loss('GCLLoss'),
            COSINE,
            needs_counts=True,
        ),
        Method(
            'las',
            'label-aware smoothing, Zhong et al., CVPR 2021, arXiv 2104.00466',
            _loss('LabelAwareSmoothingLoss'),
            needs_counts=True,
        ),
        Method(
            'vs',
            'vector scaling, Kini et al., NeurIPS 2021, arXiv 2103.01550',
            _loss('VectorScalingLoss'),
            needs_counts=True,
        ),
        Method(
            'cosine',
            'cross-entropy on a cosine classifier',
            dict(type='CrossEntropyLoss'),
            COSINE,
        ),
        *(
            Method(
                name,
                f'{what}, Kang et al., ICLR 2020, arXiv 1910.09217',
                start='ce',
                retraining=dict(method=name),
            )
            for name, what in {
                'crt': 'classifier re-training',
                'lws': 'learnable weight scaling',
                'tau-norm': 'tau-normalised classifier',
                'ncm': 'nearest class mean',
            }.items()
        ),
    )
}


def find_methods(
    texts: Sequence[str], own: Mapping[str, Method] | None = None
) -> list[Method]:
    """Look up methods as they are written on the command line.

    Args:
        texts: a name each, or a name with settings, like ``gala:lambda_pos=2``.
        own: the user's methods by name; they go before those of the catalogue.

    Returns:
        The methods, each named by its text.

    Raises:
        ValueError: if one is unknown, twice there, or its settings cannot be read.
    """
    known = {**CATALOGUE, **(own or {})}
    methods: list[Method] = []
    for text in texts:
        name, _, written = text.partition(':')
        if name not in known:
            raise ValueError(
                f'Unknown method {name!r}: choose from {", ".join(known)}, or define '
                'it in a --methods-file.'
            )
        if any(method.name == text for method in methods):
            raise ValueError(f'Method {text} is there twice.')
        settings = parse_settings(written)
        methods.append(replace(known[name], name=text, settings=settings))
    return methods


def retraining_options(method: Method) -> dict[str, Any]:
    """Method and options of a re-training; a loss may be named like a method.

    Raises:
        ValueError: if it has no such option.
    """
    options = {**method.retraining, **method.settings}
    loss = options.get('loss')
    if isinstance(loss, str):
        named = CATALOGUE.get(loss)
        if named is None or named.loss is None:
            raise ValueError(f'{method.name}: no method {loss!r} has a loss.')
        options['loss'] = dict(named.loss)
    return options


def parse_settings(text: str) -> dict[str, Any]:
    """Read ``a=1,b=(1,2),c=name``.

    Raises:
        ValueError: if a part is not of the form ``name=value``.

    Examples:
        >>> parse_settings('lambda_pos=2,variant=official')
        {'lambda_pos': 2, 'variant': 'official'}
    """
    settings = {}
    # Commas within brackets are of a value.
    for part in filter(None, re.split(r',(?![^(\[{]*[)\]}])', text)):
        name, equals, value = part.partition('=')
        if not equals or not name.strip().isidentifier():
            raise ValueError(
                f'Settings of a method are written like gala:lambda_pos=2,lambda_neg=2,'
                f' but got {part!r}.'
            )
        try:
            settings[name.strip()] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            settings[name.strip()] = value
    return settings


def own_methods(definitions: Mapping[str, Any], path: str) -> dict[str, Method]:
    """Methods that a user's file defines.

    Args:
        definitions: its ``methods``: by name, dicts of ``loss``, ``head``,
            ``custom_hooks`` and ``source``, all optional but one of the first three.
        path: of the file, for messages.

    Raises:
        ValueError: if a definition has something else, or nothing.
    """
    allowed = {'loss', 'head', 'custom_hooks', 'source'}
    methods = {}
    for name, parts in definitions.items():
        if not isinstance(parts, Mapping) or not set(parts) & (allowed - {'source'}):
            raise ValueError(
                f'{path}: method {name} must be a dict with loss, head or custom_hooks.'
            )
        if unknown := sorted(set(parts) - allowed):
            raise ValueError(
                f'{path}: method {name} has {unknown[0]!r}: only '
                f'{", ".join(sorted(allowed))} can be changed, as all else is to be '
                'equal.'
            )
        if not re.fullmatch(r'[\w.+-]*\w[\w.+-]*', name):
            raise ValueError(
                f'{path}: a method is named by letters, digits and ._+-, not {name!r}.'
            )
        methods[name] = Method(name, **{'source': f'defined in {path}', **parts})
    return methods
