"""Ends a training that gets no better, as ``Global.early_stop`` asks: ``{patience: N, min_delta: X}``."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...config.stopping import EarlyStop
from ..training.watching import Evaluation, Observer, Training, Watch


def count_without_rise(values: Sequence[float], min_delta: float) -> int:
    """How many of the last values in a row have not risen more than ``min_delta`` above the best before them.

    Args:
        values: the main indicator of the evaluations, in order.
    Returns:
        0 if there is no value, or if the last one is a new best.
    """
    best, count = -math.inf, 0
    for value in values:
        if value > best + min_delta:
            best, count = value, 0
        else:
            count += 1
    return count


class EarlyStopping(Observer):
    """Ends a training whose main indicator rises no more.

    Args:
        rule: what ``Global.early_stop`` says.
        before: the main indicator of the evaluations of earlier runs.
    """

    def __init__(self, rule: EarlyStop, before: Sequence[float] = ()):
        self.rule, self.values = rule, list(before)

    def begin(self, training: Training, watch: Watch) -> None:
        """Remember where to end the training."""
        self._training, self._watch = training, watch

    def evaluation(self, evaluation: Evaluation) -> None:
        """End the training if this was one evaluation too many."""
        indicator = self._training.indicator
        self.values.append(evaluation.metrics[indicator])
        if count_without_rise(self.values, self.rule.min_delta) >= self.rule.patience:
            self._watch.stop(
                "stopped early",
                f"Stopped after step {evaluation.step}: {indicator} has not risen by more than"
                f" {self.rule.min_delta:g} in {self.rule.patience} evaluations, the best was {max(self.values):.6g}.",
            )
