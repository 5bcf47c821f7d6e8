"""BatchNorm that keeps to its running statistics while its scale and shift learn, for fine-tuning.

A small data set's statistics are far from those of the published model; switching to them in training undoes it.
"""

from paddle import nn

from ..errors import UserError

BATCH_NORMS = (nn.BatchNorm, nn.BatchNorm1D, nn.BatchNorm2D, nn.BatchNorm3D, nn.SyncBatchNorm)
# The forwards that honour `_use_global_stats`; SyncBatchNorm passes a constant False instead.
FREEZABLE_FORWARDS = (nn.BatchNorm.forward, nn.BatchNorm2D.forward)


def freeze_norm(network):
    """Make every BatchNorm of ``network`` compute in training what it computes in evaluation.

    .. math:: y = w (x - mean) / sqrt(variance + epsilon) + b,  mean and variance constant, w and b trainable

    It survives ``train()``, ``eval()`` and deep copies, is no part of the state dict, and changes no exported graph's
    values. Call it after the network is built; a later ``SyncBatchNorm.convert_sync_batchnorm`` undoes it.

    Args:
        network: Any layer, perhaps itself a BatchNorm; changed in place, or not at all if an error is raised.
    Returns:
        The number of layers frozen, > 0.
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
                f"freeze_norm cannot keep {type(layer).__name__} to its running statistics, it always uses the batch's;"
                " set `Global.use_sync_bn: false`."
            )
    for layer in norms:
        layer._use_global_stats = True
    return len(norms)
