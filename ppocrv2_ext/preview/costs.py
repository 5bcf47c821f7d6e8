"""What each transform of a training sample costs."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, median
from typing import NamedTuple

from rich.table import Table


class Cost(NamedTuple):
    """What one transform took."""

    transform: str
    milliseconds: Sequence[float]  # one number per sample
    refused: int  # how many samples it refused


def tabulate_costs(costs: Sequence[Cost], workers: int, batch_size: int) -> tuple[Table, str]:
    """What each transform costs, and how many samples a second that allows.

    Args:
        costs: of every transform, over the same samples.
        workers: processes that load data; 0 means the training process itself.
        batch_size: samples of a batch.
    Returns:
        (table, sentence)
    """
    total = Cost("all", [sum(each) for each in zip(*(cost.milliseconds for cost in costs))], 0)
    total_mean, count = mean(total.milliseconds), len(total.milliseconds)
    table = Table(title=f"Cost of a sample, over {count} of them", caption="on this machine, as busy as it is")
    table.add_column("transform")
    for name in ("median ms", "mean ms", "share", "refused"):
        table.add_column(name, justify="right")
    for cost in (*costs, total):
        own_mean, own_median = mean(cost.milliseconds), median(cost.milliseconds)
        share = f"{own_mean / total_mean:.0%}"
        table.add_row(cost.transform, *map(_format, (own_median, own_mean)), share, f"{cost.refused or ''}")
    processes = max(workers, 1)
    rate = 1000 * processes / total_mean
    makers = f"{processes} loading process{'es make' if processes > 1 else ' makes'}"
    return table, (
        f"{makers} at most {rate:.0f} samples a second: "
        f"a training step of {batch_size} samples waits for its data if it takes less than {batch_size / rate:.2g} s."
    )


def _format(milliseconds: float) -> str:
    """With two decimals below 1, where one would hide what a cheap transform costs."""
    return f"{milliseconds:.2f}" if milliseconds < 1 else f"{milliseconds:.1f}"
