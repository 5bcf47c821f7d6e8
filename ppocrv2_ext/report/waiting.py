"""How long a training waits for its data, and what to do about it."""

from __future__ import annotations

from ..errors import pluralize

LONG_WAIT = 0.2  # share of the time from which on data are the bottleneck


def advise(waiting: float, workers: int, cores: int, on_cpu: bool) -> str | None:
    """What to do when a training waits for its data.

    Args:
        waiting: share of an epoch's time that was spent waiting for batches, in [0, 1].
        workers: ``Train.loader.num_workers``; 0 means that the training process reads by itself.
        cores: CPU cores that this process may use.
        on_cpu: whether the network runs on the same cores.
    Returns:
        A sentence, or None if data are not the bottleneck.
    """
    if waiting < LONG_WAIT:
        return None
    said = f"Training waited for data {waiting:.0%} of the time"
    available = pluralize(cores, "CPU core")
    # On a CPU the network needs a core of its own.
    useful = max(1, cores - 1) if on_cpu else cores
    if workers < useful:
        return f"{said}. Set Train.loader.num_workers={useful}: it is {workers}, and {available} can be used."
    return (
        f"{said}, with Train.loader.num_workers={workers} on {available}. Lighter transforms or smaller images help:"
        " `ppocrv2 preview` shows what each transform costs."
    )
