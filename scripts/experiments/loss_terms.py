"""How strongly each term of a loss pulls at a network: the norm of its gradient, beside that of CTC or of the labels.

The losses return their terms without gradient, for the log. So a loss is built once for each term, with the weights of
the other terms at 0, and every one of these gets the same outputs of the network.
"""

from __future__ import annotations

import contextlib
import inspect
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import paddle

import ppocrv2_ext.plugins  # noqa: F401  registers the losses
from ppocrv2_ext.registry import LOSSES

WEIGHT = "_weight"  # arguments that end so weigh a term: `mutual_weight` weighs `mutual`
COMBINED = "CombinedLoss"  # the loss of PaddleOCR that adds others up
REFERENCES = ("ctc", "gt")  # terms that the others are compared with


class Pull(NamedTuple):
    """What one term does to the networks, on one batch or as the mean over batches."""

    value: float  # the term times its weight
    squares: dict[str, list[float]]  # {network: |gradient of the value|^2 of each trainable tensor}


class Row(NamedTuple):
    """One line of the table: one term, one network. A share is None where the reference has no gradient."""

    term: str
    network: str
    value: float  # the term times its weight; the same for each network
    norm: float  # of the gradient with respect to all trainable parameters of the network
    share: float | None  # norm / the reference's norm
    tensor_share: float | None  # the same ratio for each tensor that the term reaches; the median


def default_weights(loss: str) -> dict[str, float]:
    """{argument: default} of the arguments that weigh the terms of a loss of this package; empty for other losses."""
    if loss not in LOSSES:
        return {}
    arguments = inspect.signature(LOSSES[loss]).parameters.values()
    return {each.name: each.default for each in arguments if each.name.endswith(WEIGHT)}


def split_terms(section: Mapping[str, Any], report: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """{term: the section ``Loss`` of a config with this term alone}, CTC or the labels first.

    Terms of weight 0 are left out, and terms that the report of the whole loss lacks, such as the distillation of a
    detector without a teacher. A loss whose arguments weigh no terms is a single term under its own name. Terms of one
    name in a CombinedLoss, such as the center losses of two networks, are one term together.

    Args:
        section: ``Loss`` of a config; it is not changed.
        report: what the whole loss returned for some batch. It has ``ctc`` as ``ctc``, or as ``ctc_Student``.
    """
    if section["name"] == COMBINED:
        entries = [(name, options) for entry in section["loss_config_list"] for name, options in entry.items()]
    else:
        entries = [(section["name"], {key: value for key, value in section.items() if key != "name"})]
    terms: dict[str, list[dict]] = {}
    for name, options in entries:
        weights = {key: options.get(key, default) for key, default in default_weights(name).items()}
        for key, weight in weights.items():
            term, others = key[: -len(WEIGHT)], {other: 0.0 for other in weights if other != key}
            if weight and _is_reported(term, report):
                terms.setdefault(term, []).append({name: {**options, **others}})
        if not weights:
            terms.setdefault(name, []).append({name: options})
    terms = dict(sorted(terms.items(), key=lambda item: item[0] not in REFERENCES))
    if section["name"] == COMBINED:
        return {term: {**section, "loss_config_list": parts} for term, parts in terms.items()}
    return {term: {"name": name, **options} for term, parts in terms.items() for name, options in parts[0].items()}


def _is_reported(term: str, report: Mapping[str, Any]) -> bool:
    names = [key.rpartition(".")[2] for key in report]  # a CombinedLoss may put the name of the loss before it
    return any(name == term or name.startswith(f"{term}_") for name in names)


@contextlib.contextmanager
def unchanged_buffers(network: paddle.nn.Layer) -> Iterator[None]:
    """Put the buffers of the network, such as its class centers, back to what they were before.

    Only buffers that have changed are written. The others may belong to a graph that is still needed.
    """
    saved = network.state_dict()  # an LSTM also has a buffer without memory, which is never saved
    before = {name: buffer.clone() for name, buffer in network.named_buffers() if name in saved}
    try:
        yield
    finally:
        for name, buffer in network.named_buffers():
            if name in before and not bool((buffer == before[name]).all()):
                buffer.set_value(before[name])


def measure(
    network: paddle.nn.Layer,
    losses: Mapping[str, Callable[[Any, Any], Mapping[str, paddle.Tensor]]],
    trunks: Mapping[str, Sequence[paddle.Tensor]],
    batch: Sequence[paddle.Tensor],
) -> dict[str, Pull]:
    """The pull of each term on one batch. The network is called once and is the same afterwards.

    Args:
        network: images -> outputs, in training mode.
        losses: {term: (outputs, batch) -> {"loss": scalar}}.
        trunks: {network: its trainable parameters}.
        batch: images first, then what the losses take.
    """
    parameters = [each for trunk in trunks.values() for each in trunk]
    pulls = {}
    with unchanged_buffers(network):
        outputs = network(batch[0])
        for term, loss in losses.items():
            with unchanged_buffers(network):
                value = loss(outputs, batch)["loss"].sum()
            gradients = iter(paddle.grad(value, parameters, retain_graph=True, allow_unused=True))
            squares = {name: [_square(next(gradients)) for _ in trunk] for name, trunk in trunks.items()}
            pulls[term] = Pull(float(value), squares)
    return pulls


def _square(gradient: paddle.Tensor | None) -> float:
    return 0.0 if gradient is None else float(gradient.astype("float32").square().sum())


def mean_pulls(pulls: Sequence[Mapping[str, Pull]]) -> dict[str, Pull]:
    """The mean value and the mean squares over batches, at least one."""
    return {
        term: Pull(
            statistics.fmean(each[term].value for each in pulls),
            {
                name: [statistics.fmean(squares) for squares in zip(*(each[term].squares[name] for each in pulls))]
                for name in first.squares
            },
        )
        for term, first in pulls[0].items()
    }


def choose_reference(terms: Sequence[str]) -> str:
    """The term that the others are compared with: ctc, else gt, else the first."""
    return next((name for name in REFERENCES if name in terms), terms[0])


def make_rows(pulls: Mapping[str, Pull]) -> list[Row]:
    """The lines of the table, term by term."""
    reference = pulls[choose_reference(list(pulls))].squares
    return [
        Row(term, name, pull.value, math.sqrt(sum(squares)), *_shares(squares, reference[name]))
        for term, pull in pulls.items()
        for name, squares in pull.squares.items()
    ]


def _shares(squares: Sequence[float], reference: Sequence[float]) -> tuple[float | None, float | None]:
    if not sum(reference):
        return None, None
    ratios = [math.sqrt(own / other) for own, other in zip(squares, reference) if own and other]
    return math.sqrt(sum(squares) / sum(reference)), statistics.median(ratios) if ratios else 0.0
