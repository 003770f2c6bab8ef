"""Average precision on LVIS, computed without the package ``lvis``."""

import logging
from collections.abc import Sequence

import numpy as np
from mmdet.evaluation import CocoMetric
from mmengine.logging import print_log

from mmgala.detection.lvis.categories import labels_by_name, renames
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
    """Average precision of boxes and masks for annotations in LVIS format.

    It replaces MMDetection's ``LVISMetric`` and gives the same numbers as the package
    ``lvis`` (Gupta et al., LVIS, CVPR 2019), without rounding: ``bbox_AP``, ``AP50``
    and ``AP75``; ``APs``, ``APm`` and ``APl`` by area; ``APr``, ``APc`` and ``APf`` for
    rare, common and frequent classes; ``AR@300``, ``ARs@300``, ``ARm@300`` and
    ``ARl@300``; for masks with the prefix ``segm_``. All values are in [0, 1], or -1
    without instances. Frequency groups are given by the ``frequency`` of the
    categories in ``ann_file``, which refers to the training set.

    Labels are indices into the training classes, ``dataset_meta['classes']``, and are
    matched to the categories in ``ann_file`` by name. The file may lack categories.

    Annotation is federated: detections of a class count in an image only if the class
    is annotated there or listed in ``neg_category_ids``. If it is listed in
    ``not_exhaustive_category_ids``, unmatched detections are ignored.

    ``fixed_ap=True`` computes the AP of Dave et al. (Evaluating Large-Vocabulary Object
    Detectors: The Devil is in the Details, arXiv 2102.01066), with the
    ``dets_per_class`` best detections of each class over the whole data set rather than
    a limit per image. It is reported under the prefix ``lvis_fixed_ap``, without AR. It
    requires a model that returns many detections per image (a large ``max_per_img``,
    and ``score_thr=0``, in its ``test_cfg``).

    The area of a mask is its number of pixels, as in ``CocoMetric``, whereas
    MMDetection's ``LVISMetric`` uses the area of the box for ``segm_APs``,
    ``segm_APm`` and ``segm_APl``.

    Args:
        ann_file: annotation file of the test set, in LVIS format.
        metric: ``'bbox'``, ``'segm'`` or both.
        classwise: whether to also report ``bbox_<class>_precision``, the AP of each
            class with instances.
        iou_thrs: thresholds of intersection over union. Defaults to 0.5, 0.55, ...,
            0.95.
        max_dets: maximum number of detections per image, over all classes.
        fixed_ap: whether to compute the fixed AP described above.
        dets_per_class: maximum number of detections per class for the fixed AP.
        metric_items: names of the metrics to report, such as ``'AP'``. Defaults to all.
        format_only: whether to write the predictions without evaluating them.
        outfile_prefix: prefix of the prediction files, ``<prefix>.bbox.json`` and
            ``<prefix>.segm.json``. By default, predictions are not written.
        backend_args: arguments of MMEngine's file client.
        collect_device: see MMEngine's ``BaseMetric``.
        prefix: prefix of the metrics' names.

    Raises:
        FileNotFoundError: if the annotation file does not exist.
        ValueError: if the file is not in LVIS format, or an argument is invalid.
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
                'format_only=True requires `outfile_prefix`, the prefix of the '
                'prediction files.'
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
        # With this API, `process` of the base class does not store annotations.
        self._coco_api = _ground_truth(str(ann_file), metrics, backend_args)

    def _items(self, wanted: Sequence[str] | None) -> list[str]:
        known = ['AP', 'AP50', 'AP75', 'APs', 'APm', 'APl', 'APr', 'APc', 'APf']
        if not self.fixed_ap:
            known += [f'AR{area}@{self.max_dets}' for area in ('', 's', 'm', 'l')]
        unknown = [item for item in wanted or [] if item not in known]
        if unknown:
            raise ValueError(
                f'Unknown metric item {unknown[0]!r}; choose from {", ".join(known)}.'
            )
        return known if wanted is None else list(wanted)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute the metrics from the predictions of all ranks."""
        predictions = [prediction for _, prediction in results]
        self._match_classes()
        self._check_predictions(predictions)
        if self.outfile_prefix is not None and predictions:
            categories = self._coco_api.categories
            self.cat_ids = [c['id'] if c else None for c in categories]
            known = [_with_ids(p, self.cat_ids) for p in predictions]
            files = self.results2json(known, self.outfile_prefix)
            names = sorted(set(files.values()))
            print_log(f'Predictions: {", ".join(names)}.', logger='current')
        metrics: dict[str, float] = {}
        if self.format_only:
            return metrics
        for iou_type in self.metrics:
            metrics.update(self._evaluate(predictions, iou_type))
        return metrics

    def _match_classes(self) -> None:
        """Label the file's categories by the names of the model's classes, if known."""
        meta = self.dataset_meta or {}
        classes, truth = meta.get('classes') or (), self._coco_api
        categories = truth.content['categories']
        names = [category['name'] for category in categories]
        if not classes or list(classes) == names:
            return
        renamed = meta.get('renamed_classes') or {}
        if (
            not renamed
            and not set(names) & set(classes)
            and renames(categories, classes)
        ):
            return  # labels are positions
        named = [{**c, 'name': renamed.get(c['name'], c['name'])} for c in categories]
        used = {
            annotation['category_id'] for annotation in truth.content['annotations']
        }
        labels = labels_by_name(str(self.ann_file), named, classes, used)
        self._coco_api = LVISGroundTruth(truth.content, labels, len(classes))

    def _evaluate(self, predictions: list[dict], iou_type: str) -> dict[str, float]:
        truth = self._coco_api
        detections = self._limit_detections(
            gather_detections(predictions, truth.image_index, iou_type)
        )
        curves = evaluate_lvis(truth, detections, iou_type, self.iou_thrs)
        limit = f'@{self.max_dets}'
        values = {
            name + limit if name.startswith('AR') else name: value
            for name, value in curves.summary(truth.groups()).items()
        }
        metrics = {f'{iou_type}_{name}': values[name] for name in self.metric_items}
        if self.classwise:
            precisions = curves.class_precisions()
            for category, value in zip(truth.categories, precisions, strict=True):
                if category and value > -1:
                    metrics[f'{iou_type}_{category["name"]}_precision'] = value
        return metrics

    def _limit_detections(self, detections: Detections) -> Detections:
        finite = np.isfinite(detections.score)
        if not finite.all():
            print_log(
                f'Dropped {np.count_nonzero(~finite)} detections whose score is not '
                'finite: the model has diverged.',
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
        number = len(self._coco_api.categories)
        if highest >= number:
            raise ValueError(
                f'The model predicts label {highest}, but only {number} classes are '
                f'known, those of {self.ann_file}: let the metric know the training '
                "classes with custom_hooks=[dict(type='mmgala.ClassNamesHook')], and "
                "check the heads' num_classes."
            )
        missing = len(self._coco_api.images) - len({p['img_id'] for p in predictions})
        if missing > 0:
            print_log(
                f'{missing} of the {len(self._coco_api.images)} images in '
                f'{self.ann_file} have no predictions, so their instances count as '
                'missed.',
                logger='current',
                level=logging.WARNING,
            )


def _with_ids(prediction: dict, category_ids: Sequence[int | None]) -> dict:
    """A prediction without classes that the file lacks, as they have no id."""
    has_id = np.array(
        [category_ids[label] is not None for label in prediction['labels']]
    )
    if has_id.all():
        return prediction
    kept = np.flatnonzero(has_id)
    return {
        key: [value[i] for i in kept] if isinstance(value, list)
        else value[kept] if isinstance(value, np.ndarray) else value
        for key, value in prediction.items()
    }  # fmt: skip


def _ground_truth(
    path: str, metrics: Sequence[str], backend_args: dict | None
) -> LVISGroundTruth:
    content = read_lvis(path, backend_args)
    for annotation in content['annotations']:
        if 'segm' not in metrics:
            # Polygons take most of the memory.
            annotation.pop('segmentation', None)
        elif not annotation.get('segmentation'):
            raise ValueError(
                f"{path}: annotation {annotation['id']} has no 'segmentation': use "
                "metric='bbox'."
            )
    return LVISGroundTruth(content)


def _check(
    ann_file: str | None, metrics: Sequence[str], max_dets: int, dets_per_class: int
) -> None:
    if ann_file is None:
        raise ValueError(
            'LVISMetric requires `ann_file`, the annotation file of the test set, '
            'which lists the classes that were verified in each image.'
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
