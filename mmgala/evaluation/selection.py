"""Choose the strengths of post-hoc steps on validation data."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.runner import Runner
from torch import Tensor

from mmgala.evaluation.score_blocks import ScoreBlocks
from mmgala.evaluation.strength_search import (
    TAU_GRID,
    TauSearch,
    TemperatureSearch,
    WeightedScores,
    search_tau,
    search_temperature,
)
from mmgala.functional.post_hoc import STEPS, PostHocSteps
from mmgala.functional.prior_check import PriorContradiction, contradicted_prior

AUTO = 'auto'  # in place of a strength that is to be chosen


@dataclass(frozen=True, eq=False)
class PostHocChoice:
    """Result of :func:`choose_post_hoc`.

    Attributes:
        steps: the steps with the chosen strengths, and with the class mass of the
            validation scores, so that ``steps.transform(test_scores)`` is inductive;
            ``steps.without_class_mass().transform(test_scores)`` uses the mass of the
            test scores instead.
        searches: search for each strength that was chosen, by the name of its step.
        contradiction: how the validation labels contradict balanced classes, if these
            were assumed because no target prior was given.
    """

    steps: PostHocSteps
    searches: Mapping[str, TauSearch | TemperatureSearch] = field(default_factory=dict)
    contradiction: PriorContradiction | None = None

    def assumption(self, class_names: Sequence[str] = ()) -> str:
        """A remark that balanced classes were assumed; empty without a contradiction.

        Args:
            class_names: C names, if known.
        """
        if self.contradiction is None:
            return ''
        return (
            'This assumes balanced classes in the data to predict. Those of the '
            f'validation set are not: {self.contradiction.describe(class_names)}. If '
            'the data to predict are alike, use --target-prior val.'
        )

    def __str__(self) -> str:
        parts = [
            f'{STEPS[name].title.capitalize()}, chosen on the validation set:\n{search}'
            for name, search in self.searches.items()
        ]
        return '\n'.join(parts) or 'All strengths were given.'


def steps_to_choose(steps: Mapping[str, Any]) -> list[str]:
    """Names of the steps whose strength is ``'auto'``."""
    return [name for name in STEPS if steps.get(name) == AUTO]


def check_steps(steps: Mapping[str, Any]) -> PostHocSteps:
    """Check the steps, except strengths that are still to be chosen.

    Args:
        steps: fields of :class:`mmgala.functional.PostHocSteps`, where a strength may
            be ``'auto'``.

    Returns:
        The steps, with a strength of 1 in place of ``'auto'``.

    Raises:
        ValueError: if a strength or vector is invalid.
    """
    pending = dict.fromkeys(steps_to_choose(steps), 1.0)
    return PostHocSteps.from_config(**{**steps, **pending})


def choose_post_hoc(
    scores: np.ndarray | Tensor | ScoreBlocks,
    target: np.ndarray | Tensor,
    taus: Sequence[float] = TAU_GRID,
    **steps: Any,
) -> PostHocChoice:
    """Choose the strengths of post-hoc steps on labelled validation data.

    Steps are chosen one after another, each on the output of those before: ``tau`` of
    logit adjustment and of re-balancing by accuracy, the temperature by negative
    log-likelihood. Samples are weighted to represent the test set's classes, in the
    class mass, too; see :class:`mmgala.evaluation.strength_search.WeightedScores`.

    Args:
        scores: softmax scores of the validation set, ``(N, C)``, whole or in blocks,
            such as ``blocks`` of :class:`mmgala.evaluation.ScoreDump`.
        target: its labels, ``(N,)``.
        taus: strengths to try.
        **steps: fields of :class:`mmgala.functional.PostHocSteps`, where a strength may
            be ``'auto'`` to choose it. Vectors may be sequences. Re-balancing always
            uses the class mass of the validation scores.

    Returns:
        The steps, and how they were chosen.

    Raises:
        ValueError: if there are fewer samples than classes, a value is invalid, or
            shapes do not match.

    Examples:
        >>> scores = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4]])
        >>> target = torch.tensor([0, 0, 1])
        >>> choice = choose_post_hoc(scores, target, rebalancing='auto')
        >>> print(choice.steps)
        re-balanced with tau=0.5
        >>> choice.steps.transform(torch.tensor([[0.6, 0.4]])).argmax(dim=1)
        tensor([1])
    """
    strengths = {name: _checked(steps.pop(name, None)) for name in STEPS}
    chosen = PostHocSteps.from_config(**steps)  # no strengths yet
    if not isinstance(scores, ScoreBlocks):
        scores = torch.as_tensor(scores)
    data = WeightedScores(scores, torch.as_tensor(target), chosen.prior)
    searches: dict[str, TauSearch | TemperatureSearch] = {}
    for name, strength in strengths.items():
        if name == 'rebalancing' and strength is not None:
            chosen = replace(chosen, class_mass=_class_mass(data, chosen))
        if strength == AUTO:
            searches[name] = _search(name, data, chosen, taus)
            strength = getattr(searches[name], STEPS[name].strength)
        chosen = chosen.with_strength(name, strength)
    num_classes = data.scores.shape[1]
    chosen.check_num_classes(num_classes)
    contradiction = None
    if chosen.prior is None and (chosen.assumes_prior or searches):
        support = data.target.bincount(minlength=num_classes)
        contradiction = contradicted_prior(support)
    return PostHocChoice(chosen, searches, contradiction)


def _checked(strength: Any) -> Any:
    if isinstance(strength, str) and strength != AUTO:
        raise ValueError(
            "Expected the strength of a post-hoc step to be a number, 'auto' or None, "
            f'but got {strength!r}.'
        )
    return strength


def _class_mass(data: WeightedScores, before: PostHocSteps) -> Tensor:
    """Weighted class mass after these steps, scaled to a sum of N."""
    mass = replace(data, step=before.transform).class_mass()
    return mass * (len(data.scores) / mass.sum())


def _search(
    name: str, data: WeightedScores, before: PostHocSteps, taus: Sequence[float]
) -> TauSearch | TemperatureSearch:
    """Choose the strength of a step on the output of those before it."""
    if STEPS[name].strength == 'temperature':
        # Temperature 1 normalises each row once more: only its rounding changes.
        start = before.with_strength(name, 1.0)
        return search_temperature(replace(data, step=start.transform))
    alone = before
    for other in STEPS:
        alone = alone.with_strength(other, None)
    return search_tau(
        replace(data, step=before.transform),
        lambda part, tau: alone.with_strength(name, tau).transform(part),
        taus,
        lambda tau: alone.with_strength(name, tau).log_adjustments()[0],
    )


def collect_validation_scores(cfg: Config, storage: str | None = None) -> None:
    """Make runs of this config collect the scores of the validation set.

    Args:
        cfg: changed in place; it has a ``val_dataloader``.
        storage: of :class:`mmgala.evaluation.ScoreDump`. Defaults to ``'auto'``.
    """
    cfg.val_evaluator = dict(type='mmgala.ScoreDump', storage=storage or 'auto')
    if cfg.get('val_cfg') is None:
        cfg.val_cfg = dict()


def selection_config(cfg: Config, storage: str | None = None) -> Config:
    """Config of a run that only collects the scores of the validation set.

    It logs to the folder ``selection`` of the work dir, and does not visualise.

    Args:
        cfg: of a test, with a ``val_dataloader`` and a work dir.
        storage: see :func:`collect_validation_scores`.
    """
    cfg = copy.deepcopy(cfg)
    collect_validation_scores(cfg, storage)
    name = cfg.get('experiment_name') or Path(cfg.filename).stem
    cfg.experiment_name = f'{name}_selection'  # otherwise both runs share a logger
    cfg.work_dir = str(Path(cfg.work_dir) / 'selection')
    cfg.visualizer = None
    (cfg.get('default_hooks') or {}).pop('visualization', None)
    return cfg


def choose_on_validation_set(runner: Runner, **steps: Any) -> PostHocChoice:
    """Predict the validation set, and choose as :func:`choose_post_hoc` does.

    Args:
        runner: of a config prepared by :func:`collect_validation_scores`.
        **steps: see :func:`choose_post_hoc`.

    Returns:
        The choice, equal on all ranks.

    Raises:
        ValueError: see :func:`choose_post_hoc`.
    """
    runner.val()
    choice: list[PostHocChoice | None] = [None]
    if is_main_process():
        dump = runner.val_evaluator.metrics[0]
        if not len(dump.targets) and steps_to_choose(steps):
            raise ValueError(
                'The validation set has no labels to choose a strength on: set a '
                'number instead of auto.'
            )
        choice[0] = choose_post_hoc(dump.blocks, dump.targets, **steps)
    broadcast_object_list(choice)
    assert choice[0] is not None
    return choice[0]
