"""Restored BatchNorm (``Architecture.restore_norm``) merged into its convolution again, in a file of weights.

The merged weights are those of the published file's form. They load where ``restore_norm`` is true and where it is not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from .pdparams import EPSILON, Array, as_array

# The names are those of :mod:`ppocrv2_ext.plugins.restored_norm`, which this package cannot import.
FIRST = ".norm.weight"  # how the names of a restored BatchNorm are found
TENSORS = (FIRST, ".norm.bias", ".norm._mean", ".norm._variance")


def merge_norm(params: Mapping[str, Array], kept: Collection[str] = ()) -> dict[str, Array]:
    """The weights of a network without its restored BatchNorm. In evaluation it computes the same, up to rounding.

    .. math:: w' = w s,  b' = (b - m) s + c,  with s = scale / sqrt(variance + epsilon), mean m and shift c

    Args:
        params: {name: array}. A convolution ``x`` with a restored BatchNorm has ``x.weight`` of (out, in, H, W),
            ``x.bias`` of (out,), and the four tensors ``x.norm.*``. All other names are left alone.
        kept: names; a BatchNorm whose ``x.norm.weight`` is among them is left alone too.
    """
    merged = dict(params)
    for convolution in [name[: -len(FIRST)] for name in params if name.endswith(FIRST) and name not in kept]:
        names = [convolution + tensor for tensor in TENSORS]
        weight, bias = f"{convolution}.weight", f"{convolution}.bias"
        shape = tuple(params[weight].shape) if weight in params else ()
        fits = all(name in params and tuple(params[name].shape) == shape[:1] for name in (*names, bias))
        if len(shape) != 4 or not fits:
            continue  # a normalisation of the network's own
        scale, shift, mean, variance = (as_array(merged.pop(name)).astype(np.float64) for name in names)
        scale = scale / np.sqrt(variance + EPSILON)
        weights, biases = as_array(params[weight]), as_array(params[bias])
        merged[weight] = (weights * scale[:, None, None, None]).astype(weights.dtype)
        merged[bias] = ((biases - mean) * scale + shift).astype(biases.dtype)
    return merged
