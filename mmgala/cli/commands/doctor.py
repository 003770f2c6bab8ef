"""Print what is installed, what of mmgala works, and what to install for the rest.

The exit status is 0 if the core works: losses, metrics and post-hoc steps.
"""

from mmgala.cli.command import command  # first: it handles Ctrl-C

# isort: split
import argparse
import dataclasses
import json
import sys

from mmgala.cli.arguments import parse_args
from mmgala.cli.doctor.diagnosis import (
    Diagnosis,
    diagnose,
    installed_distributions,
    names_to_probe,
)
from mmgala.cli.doctor.probing import probe_all
from mmgala.console import result
from mmgala.utils.text import visible

STYLES = {
    r'(?m)^(Versions|What works)$': 'bold',
    r'(?m)^  yes': 'green',
    r'(?m)^  no ': 'red',
    r'(?m)^Fault:': 'red',
}
LINES = {
    'onedl': 'the maintained onedl releases',
    'original': 'the original releases',
    'both': 'both lines at once',
    'none': 'none',
}


def build_parser() -> argparse.ArgumentParser:
    """The arguments of ``mmgala doctor``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--json', action='store_true', help='print all findings as JSON'
    )
    return parser


@command
def main() -> None:
    """Try everything, print the findings, and exit."""
    args = parse_args(build_parser())
    found = diagnose(probe_all(names_to_probe()), installed_distributions())
    if args.json:
        result(json.dumps(dataclasses.asdict(found), indent=2))
    else:
        show(describe(found))
    sys.exit(0 if found.core_works else 1)


def describe(found: Diagnosis) -> str:
    """The findings as lines of text."""
    width = max(map(len, found.versions))
    lines = ['Versions']
    lines += [f'  {k:{width}}  {visible(v)}' for k, v in found.versions.items()]
    lines += ['', f'OpenMMLab: {LINES[found.line]}']
    lines += [f'Devices: {visible(found.devices)}', '', 'What works']
    width = max(len(part.name) for part in found.parts)
    for part in found.parts:
        mark = 'yes' if part.works else 'no '
        lines.append(f'  {mark}  {part.name:{width}}  {part.use}')
        if not part.works:
            indent = ' ' * (width + 7)
            lines.append(f'{indent}{visible(part.reason)}')
            lines.append(f'{indent}-> {part.remedy}')
    lines += [f'Fault: {fault}' for fault in found.faults]
    return '\n'.join(lines)


def show(text: str) -> None:
    """Print, with colours if rich is installed."""
    try:
        from rich.text import Text
    except ImportError:
        result(text)
        return
    shown = Text(text)
    for pattern, style in STYLES.items():
        shown.highlight_regex(pattern, style)
    result(shown)
