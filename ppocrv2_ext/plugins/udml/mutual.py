"""Deep mutual learning between two networks that read the same lines (Zhang et al., CVPR 2018, arXiv:1706.00384)."""

from ..ctc.frames import in_float32, log_softmax


def mutual_kl(a, b, temperature=1.0):
    """Symmetric KL divergence between two categorical predictions.

    .. math:: L = t^2 / 2 (KL(p_a | p_b) + KL(p_b | p_a)),  p = softmax(logits / t),  averaged over all positions

    The square keeps the size of the gradient about the same at every temperature (Hinton et al., 2015).
    PP-OCRv2 writes the term so (arXiv:2109.03144, 3.2); PaddleOCR's own sums over the T frames of a line, T times this.

    Args:
        a, b: (..., C) logits, same shape, of any float type; computed in float32 at least. Both receive gradient.
        temperature: > 0; above 1 the unlikely classes count for more.
    Returns:
        Scalar >= 0, in nats per position (times ``temperature ** 2``). 0 iff the two predict the same distribution.
    """
    log_a, log_b = _log_probabilities(a, b, temperature)
    # KL(a|b) + KL(b|a) = sum (p_a - p_b)(log p_a - log p_b): one pass, no epsilon.
    divergence = ((log_a.exp() - log_b.exp()) * (log_a - log_b)).sum(axis=-1).mean()
    return 0.5 * temperature**2 * divergence


def mutual_kl_detached(a, b, temperature=1.0):
    """:func:`mutual_kl`, to the value, in which each prediction is a constant target for the other.

    .. math:: L = t^2 / 2 (KL(sg(p_b) | p_a) + KL(sg(p_a) | p_b)),  sg = stop gradient

    This is how Zhang et al. train; the gradient of a logit is t (p - target) / 2 over the number of positions, so that
    no network is drawn towards what the other finds uncertain.
    """
    log_a, log_b = _log_probabilities(a, b, temperature)
    a_to_b = (log_b.detach().exp() * (log_b.detach() - log_a)).sum(axis=-1).mean()
    b_to_a = (log_a.detach().exp() * (log_a.detach() - log_b)).sum(axis=-1).mean()
    return 0.5 * temperature**2 * (a_to_b + b_to_a)


def _log_probabilities(a, b, temperature):
    if list(a.shape) != list(b.shape):
        raise ValueError(f"`b` must have the shape of `a`, {tuple(a.shape)}, got {tuple(b.shape)}.")
    if not temperature > 0:
        raise ValueError(f"`temperature` must be a number > 0, got {temperature!r}.")
    a, b = in_float32(a), in_float32(b)
    if temperature != 1:
        a, b = a / temperature, b / temperature
    return log_softmax(a), log_softmax(b)
