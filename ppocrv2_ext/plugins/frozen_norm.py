"""BatchNorm that keeps its running statistics in training, while its scale and shift learn. For fine-tuning.

The statistics of a small data set are far from those of the published model. A network that switches to them in
training loses what it had learnt.
"""

from __future__ import annotations

from paddle import nn

from ..errors import UserError

BATCH_NORMS = (nn.BatchNorm, nn.BatchNorm1D, nn.BatchNorm2D, nn.BatchNorm3D, nn.SyncBatchNorm)
# These forwards read `_use_global_stats`. SyncBatchNorm passes a constant False instead.
FREEZABLE_FORWARDS = (nn.BatchNorm.forward, nn.BatchNorm2D.forward)


def freeze_norm(network: nn.Layer) -> int:
    """Make every BatchNorm of ``network`` compute in training what it computes in evaluation.

    .. math:: y = w (x - mean) / sqrt(variance + epsilon) + b,  mean and variance constant, w and b trainable

    ``train()``, ``eval()`` and deep copies keep the effect. The state dict and the values of an exported graph are the
    same as without it. Call it once the network is built: ``SyncBatchNorm.convert_sync_batchnorm`` undoes it.

    Args:
        network: any layer, perhaps itself a BatchNorm. It is changed in place; after an error it is unchanged.
    Returns:
        The number of BatchNorm layers, > 0.
    Raises:
        UserError: the network has no BatchNorm, or one that always uses the statistics of the batch.
    """
    norms = [layer for layer in network.sublayers(include_self=True) if isinstance(layer, BATCH_NORMS)]
    if not norms:
        raise UserError(
            f"freeze_norm needs a network with BatchNorm, and {type(network).__name__} has none;"
            " remove `freeze_norm` from its config."
        )
    for layer in norms:
        if type(layer).forward not in FREEZABLE_FORWARDS:
            raise UserError(
                f"freeze_norm cannot keep {type(layer).__name__} on its running statistics: it always uses those of"
                " the batch; set `Global.use_sync_bn: false`."
            )
    for layer in norms:
        layer._use_global_stats = True
    return len(norms)
