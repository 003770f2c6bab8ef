"""The work of ``mmgala export``."""

import argparse

from mmgala.apis.export import ExportReport, export_model
from mmgala.apis.launch import add_paths_to_image_errors, load_config
from mmgala.cli.cfg_options import merge_options
from mmgala.console import result, say


def run(args: argparse.Namespace) -> None:
    """Export a checkpoint, and print what the file takes and gives."""
    add_paths_to_image_errors()
    cfg = load_config(args.config)
    merge_options(cfg, args.cfg_options, args.checkpoint)
    report = export_model(
        cfg,
        args.checkpoint,
        args.out,
        opset=args.opset,
        check_images=args.check_images,
        tolerance=args.tolerance,
        input_size=args.input_size,
    )
    say(f'Wrote {args.out}.')
    for line in lines(report):
        result(line)


def lines(report: ExportReport) -> list[str]:
    """What was exported, in words."""
    about = report.description
    channels, height, width = about.input_size
    found = [
        f'Input "images": (N, {channels}, {height}, {width}) float32, '
        f'{about.colour_order}, pixels {about.pixel_values}.',
        f'Output "scores": (N, {len(about.class_names)}); post-hoc steps inside: '
        f'{about.post_hoc}.',
    ]
    if report.difference is None:
        return [*found, 'It was not checked against the checkpoint (--check-images 0).']
    return [
        *found,
        f'Checked on {report.checked_images} images: the largest difference between a '
        f'score and that of the checkpoint is {report.difference:.2g}.',
    ]
