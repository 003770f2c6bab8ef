"""Plan the runs of a comparison, and check them before training."""

import copy
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS, HOOKS, MODELS, init_default_scope

from mmgala.analysis.comparison_folders import RESULTS
from mmgala.comparison.config import check_comparable, run_config, validation_problem
from mmgala.comparison.method import Method
from mmgala.comparison.methods import CATALOGUE, retraining_options
from mmgala.comparison.runs import Run, check_folder
from mmgala.console import say, warn
from mmgala.datasets.data_check import check_data
from mmgala.datasets.data_summary import summary_table
from mmgala.datasets.labels import class_names, count_images_and_draws
from mmgala.evaluation.shot_thresholds import config_thresholds
from mmgala.functional import ShotThresholds
from mmgala.retraining import RetrainOptions
from mmgala.utils.files import check_writable


def plan_runs(
    cfg: Config,
    methods: Sequence[Method],
    seeds: Sequence[int],
    work_dir: Path,
    selection: str = 'last',
    data: Mapping[str, Mapping[str, str]] | None = None,
) -> list[Run]:
    """Runs of all methods and seeds, ordered by seed and then by method.

    Args:
        cfg: the user's config.
        methods: methods to compare.
        seeds: seeds of each method.
        work_dir: each run uses ``<work_dir>/<method>/seed<k>``.
        selection: see :func:`mmgala.comparison.config.run_config`.
        data: digests of the data sets, from
            :func:`mmgala.comparison.data_state.data_digests`. Without them, finished
            runs count as finished whatever happened to their data.

    Raises:
        ValueError: if a method does not suit the config, or ``selection`` needs
            validation data and there is none.
    """
    check_comparable(cfg)
    if selection == 'best' and (problem := validation_problem(cfg)):
        raise ValueError(f'--selection best chooses on validation data, but {problem}.')
    starts = dict.fromkeys(m.start for m in methods if m.start is not None)
    requested = {method.name for method in methods}
    helpers = [CATALOGUE[name] for name in starts if name not in requested]
    folders = {m.name: folder_name(m.name) for m in (*helpers, *methods)}
    if len(set(folders.values())) < len(folders):
        raise ValueError(f'Several methods would use the same folder: {folders}.')
    runs: list[Run] = []
    for seed in seeds:
        trained: dict[str, Run] = {}
        for method in sorted((*helpers, *methods), key=lambda m: m.start is not None):
            folder = work_dir / folders[method.name] / f'seed{seed}'
            start = trained[method.start] if method.start else None
            source = CATALOGUE[method.start] if method.start else method
            trained[method.name] = Run(
                method.name,
                seed,
                folder,
                run_config(cfg, source, seed, folder, selection),
                start,
                _checked_options(method) if start else None,
                method.name in requested,
                data,
            )
        runs += [trained[method.name] for method in (*helpers, *methods)]
    return runs


def _checked_options(method: Method) -> dict[str, Any]:
    options = retraining_options(method)
    kind = options.pop('method')
    try:
        RetrainOptions(**options).check(kind)
    except (ValueError, TypeError) as error:
        raise ValueError(f'{method.name}: {error}') from error
    return dict(method=kind, **options)


def folder_name(method: str) -> str:
    """Folder name of a method, without characters special to shells and paths."""
    return re.sub(r'[^\w.+-]', '_', method.replace('=', '-'))


def check_runs(runs: Sequence[Run], work_dir: Path) -> None:
    """Check folders, data, models and hooks before training.

    Raises:
        FileExistsError: if a folder holds other files.
        OSError: if ``work_dir`` is not writable.
        ValueError: if labels, models or hooks are invalid.
    """
    for run in runs:
        check_folder(run)
    check_writable(work_dir / RESULTS)
    todo = [run for run in runs if not run.finished]
    if not todo:
        return
    _check_data(todo[0].cfg)
    for run in {run.method: run for run in todo if run.start is None}.values():
        try:
            MODELS.build(copy.deepcopy(run.cfg.model))
            for hook in run.cfg.custom_hooks:
                HOOKS.build(copy.deepcopy(hook))
        except (ValueError, TypeError, KeyError, AssertionError) as error:
            raise ValueError(f'Method {run.method}: {error}') from error


def _check_data(cfg: Config) -> None:
    """Build the data sets, check every training label, and show the classes."""
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    for split in ('train', 'val', 'test'):
        if cfg.get(f'{split}_dataloader') is None:
            continue
        dataset = DATASETS.build(copy.deepcopy(cfg[f'{split}_dataloader'].dataset))
        for remark in check_data(dataset):
            warn(remark)
        if split == 'train':
            counts = count_images_and_draws(dataset, cfg.model.head.get('num_classes'))
            thresholds = config_thresholds(cfg) or ShotThresholds()
            say(f'{summary_table(counts, thresholds, class_names(dataset))}\n')
