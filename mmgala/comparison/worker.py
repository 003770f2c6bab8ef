"""Train and test a single run."""

import copy
import os
import shutil
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner
from rich.console import Console

from mmgala.analysis.comparison_folders import SCORES, read_run_state
from mmgala.apis.launch import add_paths_to_image_errors, set_dataloader_defaults
from mmgala.apis.runner import build_runner, check_fits_runner
from mmgala.comparison.data_state import must_train_again, set_aside
from mmgala.comparison.processes import Report, one_line
from mmgala.comparison.runs import CONFIG, LOG, Run, write_run_state
from mmgala.engine.hooks.divergence_hook import add_divergence_hook
from mmgala.engine.hooks.metric_rules_hook import add_metric_rules
from mmgala.engine.metric_lines import ValidationTable
from mmgala.engine.training_console import training_step
from mmgala.evaluation import ScoreDump
from mmgala.evaluation.score_dump import add_dump
from mmgala.retraining import RetrainOptions, retrain_classifier
from mmgala.utils.checkpoint import read_checkpoint, read_latest_checkpoint
from mmgala.utils.checkpoint_fit import unwrap_model
from mmgala.utils.environment import installed_versions
from mmgala.utils.files import locked_folders, remove_unfinished, replacing

RETRAINED_FILE = 'retrained.pth'
FEATURES_FOLDER = 'features'  # in the folder of the run whose classifier is re-trained
EVALUATION_SHARE = 0.03  # approximate share of a run's work


class ProgressHook(Hook):
    """Reports the progress of a training, at most once a second, and its validations.

    Args:
        report: where to.
    """

    priority = 'VERY_LOW'

    def __init__(self, report: Report) -> None:
        self._report = report
        self._next = 0.0
        self._trains = False
        self._table = ValidationTable('epoch')

    def before_train(self, runner: Runner) -> None:
        """From now on, validations are those of the training."""
        self._trains = True
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            self._table = ValidationTable('iteration')

    def after_train(self, runner: Runner) -> None:
        """What follows are tests."""
        self._trains = False

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Report the share of iterations that are done."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 1
            share = (runner.iter + 1) / runner.max_iters
            self._report(share * (1 - EVALUATION_SHARE), training_step(runner))

    def after_val_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        """Report the metrics of a validation as a row of a table."""
        if not self._trains:
            return
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        step = runner.epoch if by_epoch else runner.iter
        for line in self._table.lines(step, metrics or {}):
            self._report.tell(line)


def execute(run: Run, report: Report) -> None:
    """Train and test one run, and store its state in its folder.

    An interrupted training continues from its last complete checkpoint. If the data
    have changed, a training that depends on them starts again, and the old folder is
    kept under another name; otherwise only the tests are repeated.

    Args:
        run: run to train.
        report: told the completed share of the work, and each validation.

    Raises:
        BlockingIOError: if a training is running in its folder.
    """
    with locked_folders(run.folder):
        _execute(run, report)


def _execute(run: Run, report: Report) -> None:
    if run.has_finished and not must_train_again(run):
        _test_again(run)
        return
    if run.changed_data and must_train_again(run):
        set_aside(run.folder)
    before = read_run_state(run.folder) or {}
    state = dict(
        status='running',
        method=run.method,
        seed=run.seed,
        hash=run.hash,
        versions=installed_versions(),
        seconds=0.0,
        resumed_at=list(before.get('resumed_at', ())),
        files=[],
        settings=run.settings,
        data=run.data,
    )
    write_run_state(run.folder, state)
    start = time.perf_counter()
    earlier = before.get('seconds', 0.0)
    try:
        with printing_to(run.folder / LOG):
            files = _retrain(run) if run.start else _train(run, state, report)
    except Exception as error:
        state |= dict(status='failed', error=one_line(error))
        state['seconds'] = round(earlier + time.perf_counter() - start, 1)
        with suppress(OSError):  # fails on a full disk
            write_run_state(run.folder, state)
        raise
    state |= dict(status='finished', files=[*files, CONFIG, LOG])
    state['seconds'] = round(earlier + time.perf_counter() - start, 1)
    write_run_state(run.folder, state)


def _test_again(run: Run) -> None:
    """Repeat the tests of a finished run whose validation or test set has changed.

    Its state changes at the end, so that it counts as outdated until then.
    """
    state = read_run_state(run.folder)
    assert state is not None
    with printing_to(run.folder / LOG):
        weights = next(name for name in state['files'] if name.endswith('.pth'))
        exact = Config.fromfile(str(run.folder / CONFIG))
        _test_checkpoint(exact, run.folder, run.folder / weights)
    write_run_state(run.folder, state | dict(data=run.data))


def _test_checkpoint(exact: Config, folder: Path, path: Path) -> list[str]:
    """Save the scores of a checkpoint; return the names of the files."""
    cfg = copy.deepcopy(exact)
    cfg.load_from = str(path)
    set_dataloader_defaults(cfg)
    runner = _build_runner(cfg, exact, folder)
    check_fits_runner(read_checkpoint(path), runner, path)
    runner.load_or_resume()
    return save_scores(runner, folder)


@contextmanager
def printing_to(path: Path) -> Iterator[None]:
    """Redirect all output of this process to a file, including that of C libraries."""
    sys.stdout.flush()
    sys.stderr.flush()
    with open(path, 'a', buffering=1) as log:
        kept = [(stream, os.dup(stream)) for stream in (1, 2)]
        for stream, _ in kept:
            os.dup2(log.fileno(), stream)
        try:
            yield
        except BaseException:
            with suppress(OSError):
                traceback.print_exc(file=log)
            raise
        finally:
            with suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            for stream, copy in kept:
                os.dup2(copy, stream)
                os.close(copy)


def _train(run: Run, state: dict[str, Any], report: Report) -> list[str]:
    add_paths_to_image_errors()
    run.cfg.dump(run.folder / CONFIG)
    exact = Config.fromfile(str(run.folder / CONFIG))
    cfg = copy.deepcopy(exact)
    set_dataloader_defaults(cfg)
    latest = read_latest_checkpoint(run.folder)
    if latest is not None:
        cfg.load_from, cfg.resume = latest[0], True
        meta = latest[1].get('meta', {})
        state['resumed_at'].append({key: meta.get(key) for key in ('epoch', 'iter')})
    runner = _build_runner(cfg, exact, run.folder)
    if latest is not None:
        check_fits_runner(latest[1], runner, latest[0])
    if cfg.get('test_dataloader') is not None:
        _ = runner.test_loop  # so that bad test data are refused before the training
    runner.register_hook(ProgressHook(report))
    add_metric_rules(runner)
    add_divergence_hook(runner)
    runner.train()
    checkpoint = _selected_checkpoint(run.folder)
    # Also the last ones: EMAHook forgets its average when the runner starts to test.
    unwrap_model(runner.model).load_state_dict(
        read_checkpoint(checkpoint)['state_dict']
    )
    files = save_scores(runner, run.folder)
    for path in run.folder.glob('*.pth'):
        if path.name != checkpoint.name:  # MMEngine's paths are absolute
            path.unlink()
    return [*files, checkpoint.name]


def _build_runner(cfg: Config, exact: Config, folder: Path) -> Runner:
    """Build a runner that saves ``exact``, without the settings of this process."""
    runner = build_runner(cfg)
    runner.cfg = exact
    for path in folder.glob('*.py'):  # written by the runner
        path.unlink()
    exact.dump(folder / CONFIG)
    return runner


def _selected_checkpoint(folder: Path) -> Path:
    """The best checkpoint if one was saved, or else the last."""
    best = sorted(folder.glob('best_*.pth'), key=lambda path: path.stat().st_mtime)
    if best:
        return best[-1]
    latest = read_latest_checkpoint(folder)
    if latest is None:
        raise FileNotFoundError(f'The training left no checkpoint in {folder}.')
    return Path(latest[0])


def save_scores(runner: Runner, folder: Path) -> list[str]:
    """Save the scores of the validation and test sets, each written atomically.

    Returns:
        Names of the files.
    """
    files = []
    for split, name in SCORES.items():
        if runner.cfg.get(f'{split}_dataloader') is None:
            continue
        getattr(runner, f'{split}_loop')  # builds the evaluator
        evaluator = getattr(runner, f'{split}_evaluator')
        remove_unfinished(folder / name)
        with replacing(folder / name) as unfinished:
            add_dump(evaluator, ScoreDump(str(unfinished)))
            getattr(runner, split)()
        files.append(name)
    return files


def _retrain(run: Run) -> list[str]:
    """Re-train the classifier of ``run.start``, and test it."""
    assert run.start is not None
    assert run.retraining is not None
    source = run.start.folder
    files = (read_run_state(source) or {})['files']
    checkpoint = next(name for name in files if name.endswith('.pth'))
    options = dict(run.retraining)
    out = retrain_classifier(
        Config.fromfile(str(source / CONFIG)),
        source / checkpoint,
        run.folder / RETRAINED_FILE,
        options.pop('method'),
        RetrainOptions(seed=run.seed, **options),
        features=source / FEATURES_FOLDER,
        console=Console(force_terminal=False, width=100),
    )
    exact = Config.fromfile(str(out.with_suffix('.py')))
    exact.work_dir = str(run.folder)
    out.with_suffix('.py').unlink()
    return [*_test_checkpoint(exact, run.folder, out), RETRAINED_FILE]


def remove_features(runs: Sequence[Run]) -> None:
    """Remove cached features that no run needs any more."""
    derived = [run for run in runs if run.start is not None]
    needed = {run.start.folder for run in derived if run.start and not run.finished}
    for folder in {run.start.folder for run in derived if run.start} - needed:
        shutil.rmtree(folder / FEATURES_FOLDER, ignore_errors=True)
