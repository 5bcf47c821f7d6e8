"""What the losses share: choices by name, the output of a network, the sum of terms, and which term is broken."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar

import paddle
from paddle import Tensor

from ..errors import UserError, did_you_mean

Choice = TypeVar("Choice")
COUNTS = frozenset({"infeasible"})  # what losses report that is no part of a sum, so no weight scales it


def choose(name: Any, argument: str, choices: Mapping[str, Choice]) -> Choice:
    """What a config chooses by its name.

    Args:
        argument: what the config calls it, for the message.
        choices: {name: what it stands for}.
    Raises:
        ValueError: there is no such choice.
    """
    if not isinstance(name, str) or name not in choices:
        raise ValueError(f"there is no `{argument}` {name!r}{did_you_mean(name, choices)}")
    return choices[name]


def weighted_sum(terms: Mapping[str, tuple[float, Tensor]]) -> dict[str, Tensor]:
    """Add up the terms of a loss, and keep each for the log.

    Args:
        terms: {name: (weight, scalar tensor)}, not empty.
    Returns:
        {"loss": the sum of weight * scalar, name: each scalar}. The single scalars are unweighted and carry no
        gradient. Nothing is read from the device: :func:`read_terms` does that, once for a whole loss.
    """
    report = {name: value.detach() for name, (_, value) in terms.items()}
    return {"loss": sum(weight * value for weight, value in terms.values()), **report}


def on_cpu(tensor: Tensor) -> bool:
    """Whether the host can read ``tensor`` without waiting for another device."""
    return tensor.place.is_cpu_place()


def read_terms(report: Mapping[str, Any]) -> dict[str, float]:
    """The value of each term, as PaddleOCR logs it: of a term that is no scalar, the mean.

    All terms are read from the device at once.

    Args:
        report: {name: tensor}, such as a loss returns. Values that are no tensors are left out.
    """
    tensors = {name: value for name, value in report.items() if paddle.is_tensor(value)}
    values = paddle.stack([value.detach().astype("float32").mean() for value in tensors.values()]).numpy()
    return dict(zip(tensors, values.tolist()))


def find_broken_term(values: Mapping[str, float]) -> tuple[str, float] | None:
    """The name and the value of a term that is NaN or infinite; None if there is none.

    A sum is named only if none of its terms is broken: ``loss``, and what PaddleOCR's CombinedLoss logs under the name
    of a class.
    """
    broken = [(name, value) for name, value in values.items() if not math.isfinite(value)]
    return min(broken, key=lambda term: (term[0] == "loss", term[0][:1].isupper()), default=None)


def output_of(predicts: Any, network: str | None = None, key: str = "head_out") -> Any:
    """One output of one network.

    Args:
        predicts: what the model returned. A model of several networks returns {network: outputs}, a single network
            returns its outputs: one value, or {key: value} with ``return_all_feats: true``.
        network: a name in ``Architecture.Models``; None for a single network.
        key: which output.
    Returns:
        A tensor, or the tuple that the head returned.
    Raises:
        UserError: the model has no such network, or the network returns no such output.
    """
    if network is not None:
        names = predicts if isinstance(predicts, dict) else {}
        if network not in names:
            raise UserError(
                f"the loss names a network {network!r} that is not in the model{did_you_mean(network, names)}"
            )
        predicts = predicts[network]
    if isinstance(predicts, dict):
        if key not in predicts:
            raise UserError(f"{network or 'the network'} returns no {key!r}{did_you_mean(key, predicts)}")
        return predicts[key]
    if key != "head_out":
        raise UserError(f"{network or 'the network'} returns no {key!r}; set its `return_all_feats: true`.")
    return predicts


def logits_of(head_out: Any) -> Tensor:
    """The (B, T, C) logits of a head that returns them alone, or as the last entry of a tuple."""
    return head_out[-1] if isinstance(head_out, (list, tuple)) else head_out
