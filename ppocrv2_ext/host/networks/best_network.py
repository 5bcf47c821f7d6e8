"""The metric of several networks in one model. The best of them decides which checkpoint is the best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import UserError, did_you_mean
from ...registry import METRICS


@METRICS.register
class BestNetworkMetric:
    """PaddleOCR's DistillationMetric, in which the network with the best value decides, and not a fixed one.

    Every value of every network is reported as ``network_value``, such as ``Student_acc``. The values of the best of
    ``networks`` are also reported under their own names. So PaddleOCR keeps the checkpoint in which any of these
    networks is better than all were before. ``ppocrv2 export`` then exports that network.

    Args:
        base_metric_name: a metric such as DetMetric or RecMetric.
        main_indicator: the value that decides, such as hmean or acc; higher is better.
        networks: the networks that compete. Others that the post-process decodes, such as a teacher, are only reported.
        ignore_space, is_filter: options of RecMetric; None for its own defaults.
    Raises:
        UserError: ``networks`` is not a list of names.
    """

    def __init__(
        self,
        base_metric_name: str,
        main_indicator: str,
        networks: Sequence[str],
        ignore_space: bool | None = None,
        is_filter: bool | None = None,
    ):
        from ppocr.metrics import build_metric  # imported when a metric is built: by then PaddleOCR is connected

        options: dict[str, Any] = {"name": base_metric_name, "main_indicator": main_indicator}
        options.update({"ignore_space": ignore_space} if ignore_space is not None else {})
        options.update({"is_filter": is_filter} if is_filter is not None else {})
        if not isinstance(networks, (list, tuple)) or not networks or not all(isinstance(n, str) for n in networks):
            raise UserError(f"`Metric.networks` must list names of networks such as [Student], got {networks!r}.")
        self.main_indicator, self.networks = main_indicator, list(networks)
        self._build = lambda: build_metric(dict(options))
        self._build()  # a wrong name is an error now, not at the first evaluation
        self.metrics: dict[str, Any] = {}  # network: its metric

    def __call__(self, preds: dict[str, Any], batch: Any) -> None:
        """Count a batch.

        Args:
            preds: {network: what the base metric takes}.
            batch: as for the base metric.
        Raises:
            UserError: one of ``networks`` is not in ``preds``.
        """
        for name in self.networks:
            if name not in preds:
                raise UserError(f"`Metric.networks`: nothing is decoded for {name!r}{did_you_mean(name, preds)}")
        for name, pred in preds.items():
            if name not in self.metrics:
                self.metrics[name] = self._build()
            self.metrics[name](pred, batch)

    def get_metric(self) -> dict[str, float]:
        """{value: number} of the best network, and {network_value: number} of each. The base metrics start anew."""
        values = {name: metric.get_metric() for name, metric in self.metrics.items()}
        best = max(self.networks, key=lambda name: values[name][self.main_indicator])
        values_of_each = {f"{name}_{key}": value for name, each in values.items() for key, value in each.items()}
        return {**values[best], **values_of_each}

    def reset(self) -> None:
        """Forget every batch."""
        for metric in self.metrics.values():
            metric.reset()
