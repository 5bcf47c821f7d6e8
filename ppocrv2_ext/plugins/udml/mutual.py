"""Deep mutual learning between two networks that read the same lines (Zhang et al., CVPR 2018, arXiv:1706.00384)."""

from __future__ import annotations

from paddle import Tensor

from ..ctc.frames import log_softmax, to_float32


def mutual_kl(a: Tensor, b: Tensor, temperature: float = 1.0) -> Tensor:
    """Symmetric KL divergence between two categorical predictions, averaged over all positions.

    .. math:: L = t^2 / 2 (KL(p_a | p_b) + KL(p_b | p_a)),  p = softmax(logits / t)

    The factor t^2 keeps the size of the gradient about the same at every temperature (Hinton et al., 2015).
    PP-OCRv2 (arXiv:2109.03144) publishes this formula. PaddleOCR's code sums over the T frames of a line instead of
    averaging, so its value is T times ours.

    Args:
        a, b: (..., C) logits of the same shape and of any float type; half precision is computed in float32. Both
            receive gradient.
        temperature: > 0. Above 1, unlikely classes count for more.
    Returns:
        Scalar >= 0, in nats per position, times ``temperature ** 2``. 0 iff the two predict the same distribution.
    Raises:
        ValueError: the shapes differ, or ``temperature`` is not > 0.
    """
    log_a, log_b = _log_probabilities(a, b, temperature)
    # KL(a|b) + KL(b|a) = sum (p_a - p_b)(log p_a - log p_b): one pass, no epsilon.
    divergence = ((log_a.exp() - log_b.exp()) * (log_a - log_b)).sum(axis=-1).mean()
    return 0.5 * temperature**2 * divergence


def mutual_kl_detached(a: Tensor, b: Tensor, temperature: float = 1.0) -> Tensor:
    """The value of :func:`mutual_kl`, but each prediction is a constant target for the other.

    .. math:: L = t^2 / 2 (KL(sg(p_b) | p_a) + KL(sg(p_a) | p_b)),  sg = stop gradient

    Zhang et al. train this way. The gradient of a logit is t (p - target) / (2 number of positions), so no network is
    drawn towards what the other finds uncertain.

    Args, Returns and Raises are those of :func:`mutual_kl`.
    """
    log_a, log_b = _log_probabilities(a, b, temperature)
    a_to_b = (log_b.detach().exp() * (log_b.detach() - log_a)).sum(axis=-1).mean()
    b_to_a = (log_a.detach().exp() * (log_a.detach() - log_b)).sum(axis=-1).mean()
    return 0.5 * temperature**2 * (a_to_b + b_to_a)


def _log_probabilities(a: Tensor, b: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    if list(a.shape) != list(b.shape):
        raise ValueError(f"`b` must have the shape of `a`, {tuple(a.shape)}, got {tuple(b.shape)}.")
    if not temperature > 0:
        raise ValueError(f"`temperature` must be a number > 0, got {temperature!r}.")
    a, b = to_float32(a), to_float32(b)
    if temperature != 1:
        a, b = a / temperature, b / temperature
    return log_softmax(a), log_softmax(b)
