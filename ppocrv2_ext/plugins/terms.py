"""What the losses share: they pick the output of a network, add up their terms, and stop at a NaN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import paddle
from paddle import Tensor

from ..errors import UserError, did_you_mean


def weighted_sum(terms: Mapping[str, tuple[float, Tensor]]) -> dict[str, Tensor]:
    """Add up the terms of a loss, and keep each for the log.

    Args:
        terms: {name: (weight, scalar tensor)}, not empty.
    Returns:
        {"loss": the sum of weight * scalar, name: each scalar}. The single scalars are unweighted and carry no
        gradient.
    Raises:
        FloatingPointError: a term is NaN or infinite. The message names the term and leaves it to the caller to end
            the sentence.
    """
    values = paddle.stack([value.detach().astype("float32") for _, value in terms.values()]).numpy()
    for name, value in zip(terms, values):
        if not np.isfinite(value):
            raise FloatingPointError(f"the loss term {name!r} is {value}")
    report = {name: value.detach() for name, (_, value) in terms.items()}
    return {"loss": sum(weight * value for weight, value in terms.values()), **report}


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
