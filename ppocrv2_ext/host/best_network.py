"""The metric of several networks in one model: each has its own values, and the better one decides what is best."""

from ..errors import UserError, did_you_mean
from ..registry import METRICS


@METRICS.register
class BestNetworkMetric:
    """PaddleOCR's DistillationMetric in which no network is preferred: the best checkpoint is that of the better one.

    Reports every value of every network as network_name, and those of the better of ``networks`` under their own names,
    so that PaddleOCR keeps the checkpoint in which either is better than ever. ``ppocrv2 export`` then ships that one.

    Args:
        base_metric_name: A metric such as DetMetric or RecMetric.
        main_indicator: The value that decides, such as hmean or acc; higher is better.
        networks: Those that compete. Others that the post-process decodes, such as a teacher, are reported only.
        ignore_space, is_filter: Options of RecMetric; None for its own defaults.
    """

    def __init__(self, base_metric_name, main_indicator, networks, ignore_space=None, is_filter=None):
        from ppocr.metrics import build_metric  # bound when a metric is built: by then the host is connected

        options = {"name": base_metric_name, "main_indicator": main_indicator}
        options.update({"ignore_space": ignore_space} if ignore_space is not None else {})
        options.update({"is_filter": is_filter} if is_filter is not None else {})
        if not isinstance(networks, (list, tuple)) or not networks or not all(isinstance(n, str) for n in networks):
            raise UserError(f"`Metric.networks` must list names of networks such as [Student], got {networks!r}.")
        self.main_indicator, self.networks = main_indicator, list(networks)
        self._build = lambda: build_metric(dict(options))
        self._build()  # a wrong name is an error now, not at the first evaluation
        self.metrics = {}

    def __call__(self, preds, batch):
        """preds: {network: what the base metric takes}; batch: as for the base metric."""
        for name in self.networks:
            if name not in preds:
                raise UserError(f"`Metric.networks`: nothing is decoded for {name!r}{did_you_mean(name, preds)}")
        for name, pred in preds.items():
            if name not in self.metrics:
                self.metrics[name] = self._build()
            self.metrics[name](pred, batch)

    def get_metric(self):
        values = {name: metric.get_metric() for name, metric in self.metrics.items()}
        best = max(self.networks, key=lambda name: values[name][self.main_indicator])
        named = {f"{name}_{key}": value for name, each in values.items() for key, value in each.items()}
        return {**values[best], **named}

    def reset(self):
        for metric in self.metrics.values():
            metric.reset()
