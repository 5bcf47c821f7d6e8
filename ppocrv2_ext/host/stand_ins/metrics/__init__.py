"""``build_metric``; stands in for ``ppocr/metrics/__init__.py``.

A metric is called once per batch. ``get_metric()`` returns the values over the batches since its last call and starts
again from zero. ``main_indicator`` names the value that decides which checkpoint is best.
"""

from __future__ import annotations

import copy

from ..component import build_component
from .cls_metric import ClsMetric
from .det_metric import DetMetric
from .rec_metric import RecMetric

__all__ = ["build_metric"]

METRICS = {"ClsMetric": ClsMetric, "DetMetric": DetMetric, "RecMetric": RecMetric}


def build_metric(config: dict) -> ClsMetric | DetMetric | RecMetric:
    """Build the metric of the ``Metric`` section; ``config`` is not modified."""
    return build_component("metric", METRICS, copy.deepcopy(config))
