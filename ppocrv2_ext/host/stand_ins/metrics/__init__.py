"""``build_metric``; stands in for ``ppocr/metrics/__init__.py``.

A metric is called once per batch, ``get_metric()`` returns the values since the last call and starts anew, and
``main_indicator`` names the value that decides which checkpoint is best.
"""

import copy

from ..component import build_component
from .cls_metric import ClsMetric
from .det_metric import DetMetric
from .distillation_metric import DistillationMetric
from .rec_metric import RecMetric

__all__ = ["build_metric"]

METRICS = {
    "ClsMetric": ClsMetric,
    "DetMetric": DetMetric,
    "DistillationMetric": DistillationMetric,
    "RecMetric": RecMetric,
}


def build_metric(config):
    """The metric of the ``Metric`` section."""
    return build_component("metric", METRICS, copy.deepcopy(config))
