"""Restored BatchNorm (``Architecture.restore_norm``) merged into its convolution again, in a file of weights.

The merged weights are those of the published file's form. They load where ``restore_norm`` is true and where it is not.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

EPSILON = 1e-5  # of Paddle's BatchNorm2D
# The names are those of :mod:`ppocrv2_ext.plugins.restored_norm`, which this room cannot import.
FIRST = ".norm.weight"  # how the names of a restored BatchNorm are found
TENSORS = (FIRST, ".norm.bias", ".norm._mean", ".norm._variance")


def merge_norm(params: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The weights of a network without its restored BatchNorm. In evaluation it computes the same, up to rounding.

    .. math:: w' = w s,  b' = (b - m) s + c,  with s = scale / sqrt(variance + epsilon), mean m and shift c

    Args:
        params: {name: array}. A convolution ``x`` with a restored BatchNorm has ``x.weight`` of (out, in, H, W),
            ``x.bias`` of (out,), and the four tensors ``x.norm.*``. All other names are left alone.
    """
    merged = dict(params)
    for convolution in [name[: -len(FIRST)] for name in params if name.endswith(FIRST)]:
        names = [convolution + tensor for tensor in TENSORS]
        weight, bias = f"{convolution}.weight", f"{convolution}.bias"
        if not all(name in params for name in (*names, weight, bias)) or params[weight].ndim != 4:
            continue  # a normalisation of the network's own
        scale, shift, mean, variance = (merged.pop(name).astype(np.float64) for name in names)
        scale = scale / np.sqrt(variance + EPSILON)
        merged[weight] = (params[weight] * scale[:, None, None, None]).astype(params[weight].dtype)
        merged[bias] = ((params[bias] - mean) * scale + shift).astype(params[bias].dtype)
    return merged
