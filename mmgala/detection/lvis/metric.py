"""LVIS's metric, without the package ``lvis``."""

import logging
from collections.abc import Sequence

import numpy as np
from mmdet.evaluation import CocoMetric
from mmengine.logging import print_log

from mmgala.detection.lvis.dataset import read_lvis
from mmgala.detection.lvis.evaluation import (
    Detections,
    LVISGroundTruth,
    best_of_each,
    evaluate_lvis,
    gather_detections,
)
from mmgala.registry import METRICS


@METRICS.register_module()
class LVISMetric(CocoMetric):
    """Average precision of boxes and masks on data in LVIS format.

    Takes the place of MMDetection's ``LVISMetric`` in its configs. The figures are
    those of the package ``lvis`` (Gupta et al., LVIS, CVPR 2019), not rounded:
    ``bbox_AP``, ``AP50``, ``AP75``, ``APs``, ``APm``, ``APl`` by area, ``APr``,
    ``APc``, ``APf`` of the rare, common and frequent classes, and ``AR@300``,
    ``ARs@300``, ``ARm@300``, ``ARl@300``, with ``segm_`` for masks. All are of 1; -1
    where there are no instances. The groups are the ``frequency`` of the categories in
    ``ann_file``, which counts training images, whatever the test set looks like.

    Annotation is federated: a class is judged in an image only if it is annotated there
    or listed in ``neg_category_ids``; where it is listed in
    ``not_exhaustive_category_ids``, detections without a match are ignored.

    With ``fixed_ap=True`` the AP of Dave et al. (Evaluating Large-Vocabulary Object
    Detectors: The Devil is in the Details, arXiv 2102.01066): no limit per image, the
    best ``dets_per_class`` of each class over the data set, under the prefix
    ``lvis_fixed_ap``, without AR. The model has to predict many an image for it
    (``max_per_img`` in its ``test_cfg``) with a ``score_thr`` of 0.

    The area of a mask is that of the mask, as in ``CocoMetric``; MMDetection's
    ``LVISMetric`` takes the box's for ``segm_APs`` to ``segm_APl``.

    Args:
        ann_file: annotation file of the test set, in LVIS format.
        metric: ``'bbox'``, ``'segm'`` or both.
        classwise: also report ``bbox_<class>_precision``, the AP of each class with
            instances.
        iou_thrs: thresholds of the intersection over union; 0.5 to 0.95 by default.
        max_dets: limit per image, over all classes.
        fixed_ap: see above.
        dets_per_class: limit per class of the fixed AP.
        metric_items: names like ``'AP'`` to report; all by default.
        format_only: write the predictions, and evaluate nothing.
        outfile_prefix: where the predictions are written to,
            ``<prefix>.bbox.json`` and ``<prefix>.segm.json``; by default they are not.
        backend_args: of MMEngine's file client.
        collect_device: see MMEngine's ``BaseMetric``.
        prefix: of the metrics' names.

    Raises:
        FileNotFoundError: if there is no such annotation file.
        ValueError: if the file is not in LVIS format, or an argument is none of those
            above.
    """

    default_prefix = 'lvis'

    def __init__(
        self,
        ann_file: str | None = None,
        metric: str | Sequence[str] = 'bbox',
        classwise: bool = False,
        iou_thrs: float | Sequence[float] | None = None,
        max_dets: int = 300,
        fixed_ap: bool = False,
        dets_per_class: int = 10_000,
        metric_items: Sequence[str] | None = None,
        format_only: bool = False,
        outfile_prefix: str | None = None,
        backend_args: dict | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        metrics = [metric] if isinstance(metric, str) else list(metric)
        _check(ann_file, metrics, max_dets, dets_per_class)
        if format_only and outfile_prefix is None:
            raise ValueError(
                'format_only=True needs `outfile_prefix`, where the predictions go.'
            )
        super().__init__(
            metric=metrics,
            classwise=classwise,
            iou_thrs=None if iou_thrs is None else np.atleast_1d(iou_thrs),
            format_only=format_only,
            outfile_prefix=outfile_prefix,
            backend_args=backend_args,
            collect_device=collect_device,
            prefix=prefix or ('lvis_fixed_ap' if fixed_ap else None),
        )
        self.max_dets = max_dets
        self.fixed_ap = fixed_ap
        self.dets_per_class = dets_per_class
        self.metric_items = self._items(metric_items)
        self.ann_file = ann_file
        # `process` of the base class keeps no annotations if there is an API.
        self._coco_api = _ground_truth(str(ann_file), metrics, backend_args)
        self.cat_ids = [category['id'] for category in self._coco_api.categories]

    def _items(self, wanted: Sequence[str] | None) -> list[str]:
        known = ['AP', 'AP50', 'AP75', 'APs', 'APm', 'APl', 'APr', 'APc', 'APf']
        if not self.fixed_ap:
            known += [f'AR{area}@{self.max_dets}' for area in ('', 's', 'm', 'l')]
        unknown = [item for item in wanted or [] if item not in known]
        if unknown:
            raise ValueError(
                f'There is no metric item {unknown[0]!r}; known are {", ".join(known)}.'
            )
        return known if wanted is None else list(wanted)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Form the figures from all ranks' predictions."""
        predictions = [prediction for _, prediction in results]
        self._check_predictions(predictions)
        if self.outfile_prefix is not None and predictions:
            files = self.results2json(predictions, self.outfile_prefix)
            names = sorted(set(files.values()))
            print_log(f'Predictions: {", ".join(names)}.', logger='current')
        figures: dict[str, float] = {}
        if self.format_only:
            return figures
        for iou_type in self.metrics:
            figures.update(self._evaluate(predictions, iou_type))
        return figures

    def _evaluate(self, predictions: list[dict], iou_type: str) -> dict[str, float]:
        truth = self._coco_api
        detections = self._limited(
            gather_detections(predictions, truth.image_index, iou_type)
        )
        curves = evaluate_lvis(truth, detections, iou_type, self.iou_thrs)
        limit = f'@{self.max_dets}'
        values = {
            name + limit if name.startswith('AR') else name: value
            for name, value in curves.summary(truth.groups()).items()
        }
        figures = {f'{iou_type}_{name}': values[name] for name in self.metric_items}
        if self.classwise:
            precisions = curves.class_precisions()
            for category, value in zip(truth.categories, precisions, strict=True):
                if value > -1:
                    figures[f'{iou_type}_{category["name"]}_precision'] = value
        return figures

    def _limited(self, detections: Detections) -> Detections:
        finite = np.isfinite(detections.score)
        if not finite.all():
            print_log(
                f'{np.count_nonzero(~finite)} detections have a score that is not '
                'finite, and are left out: the model has diverged.',
                logger='current',
                level=logging.WARNING,
            )
            detections = detections.take(finite)
        group, limit = (
            (detections.category, self.dets_per_class)
            if self.fixed_ap
            else (detections.image, self.max_dets)
        )
        return detections.take(best_of_each(group, detections.score, limit))

    def _check_predictions(self, predictions: list[dict]) -> None:
        highest = max((p['labels'].max(initial=-1) for p in predictions), default=-1)
        if highest >= len(self.cat_ids):
            raise ValueError(
                f'The model predicts the label {highest}, but {self.ann_file} has '
                f"{len(self.cat_ids)} categories: set the heads' num_classes to that."
            )
        missing = len(self._coco_api.images) - len({p['img_id'] for p in predictions})
        if missing > 0:
            print_log(
                f'{missing} of the {len(self._coco_api.images)} images of '
                f'{self.ann_file} have no prediction; their instances count as missed.',
                logger='current',
                level=logging.WARNING,
            )


def _ground_truth(
    path: str, metrics: Sequence[str], backend_args: dict | None
) -> LVISGroundTruth:
    content = read_lvis(path, backend_args)
    for annotation in content['annotations']:
        if 'segm' not in metrics:
            # Polygons are most of the file.
            annotation.pop('segmentation', None)
        elif not annotation.get('segmentation'):
            raise ValueError(
                f'{path}: the annotation with id {annotation["id"]} has no '
                "'segmentation': use metric='bbox'."
            )
    return LVISGroundTruth(content)


def _check(
    ann_file: str | None, metrics: Sequence[str], max_dets: int, dets_per_class: int
) -> None:
    if ann_file is None:
        raise ValueError(
            'LVISMetric needs `ann_file`, the annotation file of the test set: which '
            'classes are judged in an image is written nowhere else.'
        )
    for name in metrics:
        if name not in ('bbox', 'segm'):
            raise ValueError(
                f"Expected `metric` to be 'bbox', 'segm' or both, but got {name!r}. "
                'For proposals use mmdet.CocoMetric.'
            )
    for name, value in (('max_dets', max_dets), ('dets_per_class', dets_per_class)):
        if value < 1:
            raise ValueError(f'Expected `{name}` to be 1 or more, but got {value}.')
