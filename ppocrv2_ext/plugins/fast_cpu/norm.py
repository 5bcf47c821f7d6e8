"""BatchNorm and hardswish in one pass over memory, forward and backward, in place of Paddle's two operators.

Shape legend: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn
from paddle.autograd import PyLayer

from .memory import can_use, run_in_parts, view


class _NormHardswish(PyLayer):
    @staticmethod
    def forward(ctx, x, weight, bias, mean, variance, epsilon, momentum):
        from .norm_kernels import norm_hardswish

        ctx.wanted = [not each.stop_gradient for each in (x, weight, bias)]
        x = x.contiguous()
        out = paddle.empty_like(x)
        # What the kernel writes: mean and 1 / deviation of each channel, as it normalized with them.
        statistics = np.empty((2, x.shape[1]), np.float32)
        inputs = [view(each) for each in (x, weight, bias, mean, variance)]
        run_in_parts(norm_hardswish, x.shape[1], *inputs, epsilon, momentum, statistics, view(out))
        ctx.save_for_backward(x, weight, bias)
        ctx.statistics, ctx.is_frozen = statistics, momentum == 1.0
        return out

    @staticmethod
    def backward(ctx, out_grad):
        from .norm_kernels import norm_hardswish_backward

        x, weight, bias = ctx.saved_tensor()
        out_grad = out_grad.contiguous()
        grads = [paddle.empty_like(each) for each in (x, weight, bias)]
        inputs = view(x), view(weight), view(bias), ctx.statistics, ctx.is_frozen, view(out_grad)
        run_in_parts(norm_hardswish_backward, x.shape[1], *inputs, *(view(each) for each in grads))
        return tuple(grad if wanted else None for grad, wanted in zip(grads, ctx.wanted))


@paddle.jit.not_to_static
def norm_hardswish(x: Tensor, norm: nn.Layer) -> Tensor:
    """``F.hardswish(norm(x))``, by one fast kernel where it can be used.

    Args:
        x: (B, C, H, W), the output of a convolution.
        norm: a BatchNorm of C channels. Its running statistics are updated as Paddle updates them.
    Returns:
        (B, C, H, W).
    """
    if not _can_fuse(x, norm):
        return F.hardswish(norm(x))
    # A momentum of 1 leaves the running statistics as they are; then the kernel normalizes with them.
    momentum = 1.0 if norm._use_global_stats or not norm.training else norm._momentum
    return _NormHardswish.apply(x, norm.weight, norm.bias, norm._mean, norm._variance, norm._epsilon, momentum)


def _can_fuse(x: Tensor, norm: nn.Layer) -> bool:
    return (
        type(norm) is nn.BatchNorm2D
        and norm._data_format == "NCHW"
        and (norm._use_global_stats is not False or norm.training)
        and 0 <= norm._momentum < 1
        and not (norm._forward_pre_hooks or norm._forward_post_hooks)
        and norm.weight is not None
        and norm.bias is not None
        and can_use(x, norm.weight, norm.bias, norm._mean, norm._variance)
        and x.ndim == 4
        and x.shape[1] == len(norm.weight)
        and x.size > x.shape[1]  # a channel of one value has no statistics: in training, Paddle does not normalize it
    )
