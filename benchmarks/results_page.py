"""Write docs/benchmarks.md, and the tables of results in all other pages.

Every number comes from a file in benchmarks/results. Run this after a benchmark has
changed one:

    python benchmarks/results_page.py

docs/benchmarks.md is rendered from benchmarks.md.j2, which holds its text. In any other
page, the lines between ``<!-- results: NAME -->`` and ``<!-- end of results -->`` are
replaced by the table NAME of ``TABLES``.
"""

import argparse
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from quiet import quiet_imports

with quiet_imports():
    import results_accuracy as accuracy
    import results_additions as additions
    import results_comparisons as comparisons
    import results_cost as cost
    import results_label_margins as margins
    import results_reliability as reliability
    import results_stacks as stacks
    import results_steps as steps
    from cifar100_table import cifar100_table
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from results_configs import with_metrics, with_results
    from results_screening import (
        choice_table,
        long_screening_table,
        plankton_screening_table,
        screening_table,
        small_screening_table,
    )
    from results_table import ROOT, ResultTable

    from mmgala.utils.files import write_text

TABLES: dict[str, Callable[[], ResultTable]] = {
    'digits': accuracy.digits_table,
    'comparison': comparisons.comparison_table,
    'short comparison': comparisons.short_comparison_table,
    'label margins': margins.label_margin_table,
    'label margins, by part': margins.parts_table,
    'fit to training images': margins.training_fit_table,
    'PlanktonSet': partial(comparisons.plankton_table, 'plankton'),
    'PlanktonSet, in short': comparisons.short_plankton_table,
    'PlanktonSet, training prior': partial(
        comparisons.plankton_table, 'plankton_training-prior'
    ),
    'additions': additions.additions_table,
    'study of GALA': comparisons.study_table,
    'choice of the candidate': choice_table,
    'screening of candidates': screening_table,
    'screening in long trainings': long_screening_table,
    'screening on PlanktonSet': plankton_screening_table,
    'screening on small sets': small_screening_table,
    'CIFAR100-LT': cifar100_table,
    'Fashion-MNIST-LT': accuracy.fashion_table,
    'Fashion-MNIST-LT, ResNet-32': accuracy.fashion_resnet32_table,
    'gradient balance, ResNet-14': partial(accuracy.gradient_balance_table, 'resnet14'),
    'gradient balance, ResNet-32': partial(accuracy.gradient_balance_table, 'resnet32'),
    'detection': accuracy.collage_table,
    'detections of rare classes': accuracy.rare_detections_table,
    'LVIS metric': cost.lvis_metric_table,
    'losses': cost.loss_table,
    'linear loss': cost.linear_loss_table,
    'gradient hook': cost.hook_table,
    'annotations': cost.lists_table,
    'samplers': cost.samplers_table,
    're-training': cost.retraining_table,
    'large test': cost.large_test_table,
    'training speed': cost.train_speed_table,
    'whole trainings': steps.training_step_table,
    'step, by part': steps.step_parts_table,
    'on-device loading': cost.on_device_table,
    'reliability': reliability.reliability_table,
    'reliability, failures': reliability.failures_table,
    'stacks': stacks.stacks_table,
}
TEMPLATE = Path(__file__).with_name('benchmarks.md.j2')
PAGE = ROOT / 'docs' / 'benchmarks.md'
WITH_TABLES = ('*.md', 'docs/*.md', 'configs/gala/*.md', 'projects/*/*.md')
CONFIGS = ROOT / 'configs'
BLOCK = re.compile(
    r'(<!-- results: (?P<name>.*?) -->\n).*?(<!-- end of results -->)', re.DOTALL
)


def benchmarks_page() -> str:
    """The rendered docs/benchmarks.md."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    template = environment.get_template(TEMPLATE.name)
    return template.render(
        table=lambda name: TABLES[name]().markdown(PAGE),
        top1=lambda name, method, step='': comparisons.top1(name)[method, step],
    )


def with_tables(text: str, page: Path) -> str:
    """A page whose marked blocks hold the current tables.

    Raises:
        KeyError: if a block names a table that does not exist.
    """
    return BLOCK.sub(
        lambda m: f'{m[1]}{TABLES[m["name"]]().markdown(page)}\n{m[3]}', text
    )


def current_pages() -> dict[Path, str]:
    """Every page with results, as it should be."""
    pages = {PAGE: benchmarks_page()}
    for path in sorted(path for name in WITH_TABLES for path in ROOT.glob(name)):
        text = path.read_text()
        if path != PAGE and BLOCK.search(text):
            pages[path] = with_tables(text, path)
    readme = CONFIGS / 'gala' / 'README.md'
    pages[readme] = with_results(pages.get(readme, readme.read_text()))
    for metafile in sorted(CONFIGS.glob('*/metafile.yml')):
        pages[metafile] = with_metrics(metafile.read_text())
    return pages


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    for path, text in current_pages().items():
        if not path.is_file() or path.read_text() != text:
            write_text(path, text)
            print(f'{path.relative_to(ROOT)} updated.')


if __name__ == '__main__':
    main()
