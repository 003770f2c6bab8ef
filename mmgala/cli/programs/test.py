"""The work of ``mmgala test``."""

import argparse
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import mmengine
from mmengine.config import Config, ConfigDict
from mmengine.dist import is_main_process
from mmengine.registry import METRICS
from mmengine.runner import Runner

from mmgala.apis.assumed_prior import contradicted_assumption
from mmgala.apis.class_shares import give_all_scores
from mmgala.apis.config_options import (
    add_hook,
    is_detection,
    show_detections,
    use_detection_tta,
    use_mixed_precision_in_test,
)
from mmgala.apis.data_splits import VALIDATES_ON_TEST_WARNING, validates_on_test
from mmgala.apis.launch import (
    add_paths_to_image_errors,
    end_distributed,
    load_config,
    set_dataloader_defaults,
    set_launcher,
    set_work_dir,
)
from mmgala.apis.runner import build_runner, check_fits_runner
from mmgala.cli.cfg_options import merge_options
from mmgala.cli.post_hoc import (
    add_class_counts,
    flags_of,
    requested_steps,
    resolve_target_prior,
)
from mmgala.cli.post_hoc_arguments import flag
from mmgala.console import result
from mmgala.engine.evaluation_console import EvaluationConsoleHook
from mmgala.engine.metric_lines import metrics_table
from mmgala.evaluation import PostHocChoice, PostHocEvaluator
from mmgala.evaluation.score_dump import ScoreDump, add_dump
from mmgala.evaluation.selection import (
    choose_on_validation_set,
    selection_config,
    steps_to_choose,
)
from mmgala.functional.checks import check_not_negative, check_whole
from mmgala.names import RECOMPUTE
from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.checkpoint_fit import unwrap_model
from mmgala.utils.checkpoint_meta import stored_class_names
from mmgala.utils.checkpoint_origin import Origin
from mmgala.utils.files import check_writable


def check_args(args: argparse.Namespace) -> None:
    """Reject invalid arguments before the test set is predicted."""
    check_whole('--interval', args.interval)
    check_not_negative('--wait-time', args.wait_time)
    if args.out is None:
        if args.out_item is not None:
            raise ValueError('--out-item requires --out FILE.')
        return
    suffix = Path(args.out).suffix
    metrics_suffixes = ('.json', '.yaml', '.yml')
    if args.out_item is None:
        args.out_item = 'metrics' if suffix in metrics_suffixes else 'pred'
    allowed = ('.npz', '.pkl', '.pickle') if args.out_item == 'pred' else (
        *metrics_suffixes, '.pkl', '.pickle')  # fmt: skip
    if suffix not in allowed:
        raise ValueError(
            f'--out with {args.out_item} requires a file ending in {allowed}.'
        )
    check_writable(args.out)


def check_storage_argument(args: argparse.Namespace, steps: dict[str, Any]) -> None:
    """Reject ``--score-storage`` where no scores are kept."""
    if args.score_storage is None or 'rebalancing' in steps:
        return
    writes = args.out_item == 'pred' and args.out.endswith('.npz')
    if args.score_storage == RECOMPUTE or not (writes or steps_to_choose(steps)):
        raise ValueError(
            f'--score-storage {args.score_storage} has no effect here, as '
            + (
                'it is for re-balancing: use it with --rebalance.'
                if args.score_storage == RECOMPUTE
                else 'no scores are kept: use it with --rebalance or --out FILE.npz.'
            )
        )


def kept_storage(args: argparse.Namespace) -> str | None:
    """Storage of scores that must be kept, whatever re-balancing does."""
    return None if args.score_storage == RECOMPUTE else args.score_storage


def check_scope(cfg: Config, args: argparse.Namespace, steps: dict[str, Any]) -> None:
    """Reject options for classification if the model is a detector."""
    if not is_detection(cfg):
        return
    if steps:
        raise ValueError(
            f'{flags_of(steps)[0]} is for classification: it needs one row of scores '
            'per image. Test a detector without it.'
        )
    if args.interval != 1:
        raise ValueError(
            '--interval is for classification: MMDetection draws every test image.'
        )
    if args.out_item == 'pred' and args.out.endswith('.npz'):
        raise ValueError(
            '--out of detections takes a .pkl file: they are boxes and masks, not one '
            'row of scores per image.'
        )


def merge_args(cfg: Config, args: argparse.Namespace) -> None:
    """Apply the arguments to the config."""
    set_work_dir(cfg, args.config, args.work_dir)
    cfg.load_from = args.checkpoint
    cfg.resume = False
    if args.amp:
        use_mixed_precision_in_test(cfg)
    if args.show or args.show_dir is not None:
        if is_detection(cfg):
            show_detections(cfg, args.show, args.show_dir, args.wait_time)
        else:
            cfg.default_hooks.visualization.update(
                enable=True,
                show=args.show,
                wait_time=args.wait_time,
                out_dir=args.show_dir,
                interval=args.interval,
            )
    merge_options(cfg, args.cfg_options, args.checkpoint)
    if args.tta:
        use_detection_tta(cfg) if is_detection(cfg) else use_tta(cfg)
    set_dataloader_defaults(cfg, pin_memory=not args.no_pin_memory)


def option_of_all_scores(args: argparse.Namespace, steps: dict[str, Any]) -> str | None:
    """The flag, if any, that needs all scores of an image."""
    if steps:
        return flags_of(steps)[0]
    if args.out is not None and args.out.endswith('.npz'):
        return '--out FILE.npz'
    return '--tta' if args.tta else None


def use_tta(cfg: Config) -> None:
    """Average over an image and its mirror image, unless the config says more."""
    cfg.setdefault('tta_model', dict(type='mmpretrain.AverageClsScoreTTA'))
    pipeline = cfg.test_dataloader.dataset.pipeline
    flips = [dict(type='RandomFlip', prob=1.0), dict(type='RandomFlip', prob=0.0)]
    augment = dict(type='TestTimeAug', transforms=[flips, [pipeline[-1]]])
    cfg.setdefault('tta_pipeline', [*deepcopy(pipeline[:-1]), augment])
    cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)
    cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline


def check_selection(cfg: Config, args: argparse.Namespace, name: str) -> None:
    """Check that there is a validation set to choose the strength ``name`` on."""
    if cfg.get('val_dataloader') is None:
        raise ValueError(
            f'{flag(name)} auto is chosen on the validation set, but the config has '
            'no val_dataloader: give a number instead.'
        )
    if args.tta:
        raise ValueError(
            f'{flag(name)} auto predicts the validation set without test-time '
            'augmentation: give a number with --tta.'
        )


def use_post_hoc_steps(
    cfg: Config, steps: dict[str, Any], storage: str | None = None
) -> None:
    """Evaluate the predictions after the steps, with the metrics of the config."""
    metrics = cfg.test_evaluator
    if isinstance(metrics, dict) and 'metrics' in metrics:
        metrics = metrics['metrics']  # the config names the evaluator itself
    counts = ('class_counts', 'class_draws')  # the hook passes on the checkpoint's
    values = {name: value for name, value in steps.items() if name not in counts}
    if storage is not None:
        values['storage'] = storage
    cfg.test_evaluator = dict(
        type='mmgala.PostHocEvaluator',
        metrics=metrics if isinstance(metrics, list) else [metrics],
        **values,
    )
    if 'class_counts' in steps:
        add_hook(cfg, 'ClassCountsHook')


def build_test(cfg: Config, checkpoint: dict, steps: dict[str, Any]) -> Runner:
    """Build the runner; reject a checkpoint or steps that do not fit the model."""
    runner = build_runner(cfg)
    check_fits_runner(checkpoint, runner, cfg.load_from)
    head = getattr(unwrap_model(runner.model), 'head', None)
    if steps and getattr(head, 'post_hoc', None) is not None:
        raise ValueError(
            'The model already has post-hoc steps (model.head.post_hoc in the '
            f'config): test it without {" and ".join(flags_of(steps))}.'
        )
    return runner


def choose_strengths(
    cfg: Config, checkpoint: dict, steps: dict[str, Any], storage: str | None
) -> PostHocChoice:
    """Choose the strengths in a separate run, before the test is configured."""
    runner = build_test(selection_config(cfg, storage), checkpoint, steps)
    runner.register_hook(EvaluationConsoleHook())
    return choose_on_validation_set(runner, **steps)


def log_steps(
    runner: Runner, choice: PostHocChoice | None, names: Sequence[str]
) -> None:
    """Log the strengths that were chosen, and what is done to the predictions."""
    if choice is not None:
        if validates_on_test(runner.cfg):
            runner.logger.warning(VALIDATES_ON_TEST_WARNING)
        assumption = choice.assumption(names)
        runner.logger.info(f'{choice}\n{assumption}' if assumption else str(choice))
    if isinstance(runner.test_evaluator, PostHocEvaluator):
        runner.logger.info(f'Predictions are {runner.test_evaluator.steps}.')


def dump_type(cfg: Config, path: str) -> str:
    """Type of the metric that writes the predictions."""
    if is_detection(cfg):
        return 'mmdet.DumpDetResults'  # masks run-length encoded
    return 'mmgala.ScoreDump' if path.endswith('.npz') else 'mmengine.DumpResults'


def test(runner: Runner, args: argparse.Namespace, checkpoint: dict) -> None:
    """Test, and write what ``--out`` asks for."""
    if args.out and args.out_item == 'pred':
        config = dict(type=dump_type(runner.cfg, args.out), out_file_path=args.out)
        if args.out.endswith('.npz') and (storage := kept_storage(args)):
            config['storage'] = storage
        dump = METRICS.build(config)
        if isinstance(dump, ScoreDump):
            dump.origin = Origin.of(args.checkpoint, checkpoint)
        add_dump(runner.test_evaluator, dump)
    evaluator = runner.test_evaluator
    if isinstance(evaluator, PostHocEvaluator):
        evaluator.logs_contradiction = False  # but below, after the metrics
    runner.register_hook(EvaluationConsoleHook())
    metrics = runner.test()
    result(metrics_table(metrics, 'test'))
    if warning := contradicted_assumption(runner):
        runner.logger.warning(warning)
    if args.out and args.out_item == 'metrics' and is_main_process():
        mmengine.dump(metrics, args.out)


def run(args: argparse.Namespace) -> None:
    """Do what the arguments ask for."""
    add_paths_to_image_errors()
    check_args(args)
    steps = requested_steps(
        args, 1.0, lambda: stored_class_names(read_checkpoint(args.checkpoint))
    )
    check_storage_argument(args, steps)
    cfg = load_config(args.config)
    check_scope(cfg, args, steps)
    checkpoint = read_checkpoint(args.checkpoint)
    if option := option_of_all_scores(args, steps):
        give_all_scores(cfg.model, option, checkpoint, args.checkpoint, args.launcher)
    merge_args(cfg, args)
    resolve_target_prior(steps, cfg, stored_class_names(checkpoint))
    add_class_counts(steps, checkpoint)
    for name in steps_to_choose(steps):
        check_selection(cfg, args, name)
    set_launcher(cfg, args.launcher)
    choice = None
    if steps_to_choose(steps):
        choice = choose_strengths(cfg, checkpoint, steps, kept_storage(args))
        steps |= choice.steps.strengths
    if steps:
        use_post_hoc_steps(cfg, steps, args.score_storage)
    runner = build_test(cfg, checkpoint, steps)
    log_steps(runner, choice, stored_class_names(checkpoint))
    test(runner, args, checkpoint)
    end_distributed()
