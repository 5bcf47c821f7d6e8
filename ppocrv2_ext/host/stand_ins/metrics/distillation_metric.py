"""One metric per network; stands in for ``ppocr/metrics/distillation_metric.py``."""

from ppocrv2_ext.errors import UserError, did_you_mean

from ..component import build_component, with_attributes
from .cls_metric import ClsMetric
from .det_metric import DetMetric
from .rec_metric import RecMetric

BASE_METRICS = {"ClsMetric": ClsMetric, "DetMetric": DetMetric, "RecMetric": RecMetric}


class DistillationMetric:
    """The base metric of every network. The values of network ``key`` keep their names, others become network_name.

    Args:
        key: Network whose values decide.
        base_metric_name: A metric such as RecMetric.
        main_indicator: Name of the deciding value; by default the base metric's.
        ignore_space, is_filter: Options of RecMetric.
    """

    def __init__(self, key, base_metric_name, main_indicator=None, ignore_space=None, is_filter=None):
        options = {"main_indicator": main_indicator, "ignore_space": ignore_space, "is_filter": is_filter}
        self.key = key
        self.config = {"name": base_metric_name, **{k: v for k, v in options.items() if v is not None}}
        self.main_indicator = self._base_metric().main_indicator
        self.metrics = {}

    def _base_metric(self):
        known = with_attributes(BASE_METRICS, globals())
        return build_component("metric", known, self.config)

    def __call__(self, preds, batch):
        """preds: {network: what the base metric takes}; batch: as for the base metric."""
        if self.key not in preds:
            raise UserError(f"`Metric.key`: the model has no network {self.key!r}{did_you_mean(self.key, preds)}")
        for name, pred in preds.items():
            if name not in self.metrics:
                self.metrics[name] = self._base_metric()
            self.metrics[name](pred, batch)

    def get_metric(self):
        values = {}
        for name, metric in self.metrics.items():
            for key, value in metric.get_metric().items():
                values[key if name == self.key else f"{name}_{key}"] = value
        return values

    def reset(self):
        for metric in self.metrics.values():
            metric.reset()
