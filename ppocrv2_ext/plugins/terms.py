"""What losses share: pick a network's output, add terms up and watch for NaN."""

import numpy as np
import paddle

from ..errors import UserError, did_you_mean


def weighted_sum(terms):
    """Add terms up for ``backward`` and keep each for the log.

    Args:
        terms: {name: (weight, scalar tensor)}, not empty.
    Returns:
        {"loss": the sum of weight * scalar, name: each scalar, unweighted and without gradient}
    Raises:
        FloatingPointError: a term is not finite; half a sentence that names it.
    """
    values = paddle.stack([value.detach().astype("float32") for _, value in terms.values()]).numpy()
    for name, value in zip(terms, values):
        if not np.isfinite(value):
            raise FloatingPointError(f"the loss term {name!r} is {value}")
    report = {name: value.detach() for name, (_, value) in terms.items()}
    return {"loss": sum(weight * value for weight, value in terms.values()), **report}


def output_of(predicts, network=None, key="head_out"):
    """One output of one network.

    Args:
        predicts: what the model returned: {network: outputs} of several networks, or the outputs of the only one.
        network: a name in ``Architecture.Models``; None if there is only one network.
        key: of the output, if the network returns them all (``return_all_feats: true``).
    Returns:
        A tensor, or the tuple that the head returned.
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


def logits_of(head_out):
    """The (B, T, C) logits of a head that returns them alone, or last in a tuple."""
    return head_out[-1] if isinstance(head_out, (list, tuple)) else head_out
