"""A network that was published merged gets the statistics of its restored BatchNorm, ``Architecture.restore_norm``.

They are measured on the first batch of the first epoch, on its way to the loop. So no batch is read for them alone, and
the order of the samples is that of any other training. A training that is resumed has them already.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from paddle import distributed, nn

from ...plugins.restored_norm import list_restored, measure_norm
from .loop import cast_as_in_loop, pass_batches, replace_names, unwrap


@contextlib.contextmanager
def measure_restored_norm(given: dict[str, Any], loop: dict[str, Any]) -> Iterator[None]:
    """A context of the training loop that measures restored BatchNorm, as this module says.

    See :func:`.loop.surround` for the arguments.
    """
    network = unwrap(given["model"])
    norms = list_learning(network)
    if given["config"]["Global"].get("checkpoints") or not norms:
        yield
        return
    is_measured = False

    def pass_on(loader: Any) -> Iterator[Any]:
        nonlocal is_measured
        for batch in loader:
            if not is_measured:
                with cast_as_in_loop(given):
                    measure_norm(network, batch[0], norms)
                _take_those_of_first_rank(norms)
                is_measured = True
            yield batch

    with replace_names(loop, pass_batches(given, loop, pass_on)):
        yield


def list_learning(network: nn.Layer) -> list[nn.Layer]:
    """The restored BatchNorm layers, without those of frozen networks.

    Those stay the identity: a frozen network stays in evaluation mode, where no statistics of a batch count.
    """
    network.train()  # as in a training step: only what is frozen stays in evaluation mode
    return [norm for norm in list_restored(network) if norm.training]


def _take_those_of_first_rank(norms: list[nn.Layer]) -> None:
    if distributed.get_world_size() > 1:  # every rank has measured its own batch
        for tensor in (tensor for norm in norms for tensor in norm.state_dict().values()):
            distributed.broadcast(tensor, 0)
