"""Dense convolutions in place of Paddle's, which first copies each pixel to every window that it is in.

Here the pixels are multiplied with all weights of the window first, and each product is then put where it belongs. A
part of the image is done at a time, whose products fit the cache. It needs NumPy alone. For a window of 1 x 1 Paddle's
operator copies nothing and is as fast.

Shape legend: B batch, C channels of the input, O of the output, (H, W) of the input, (R, Q) of the output, (K, L) of
the window, N rows of a part.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import paddle
from paddle import Tensor
from paddle.autograd import PyLayer

from .memory import view

PART_SIZE = 2**18  # products of a part, 1 MB
PART_PIXELS = 600  # but so many pixels at least, as a product of narrow matrices is slow


class Shift(NamedTuple):
    """Where the products of a convolution of stride 1 belong: one output adds up one product of each weight.

    Padding is smaller than the window.
    """

    window: tuple[int, int]
    padding: tuple[int, int]

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """(R, Q) of an input of (H, W)."""
        return tuple(s + 2 * p - k + 1 for s, p, k in zip((height, width), self.padding, self.window))  # type: ignore

    def scatter(self, products: np.ndarray, first: int, out: np.ndarray) -> None:
        """Add the products (K, L, O, N, W) of the rows from ``first`` on to ``out`` (O, R, Q)."""
        for k, j in np.ndindex(self.window):
            rows, out_rows = _overlap(k - self.padding[0], first, products.shape[3], out.shape[1])
            columns, out_columns = _overlap(j - self.padding[1], 0, products.shape[4], out.shape[2])
            out[:, out_rows, out_columns] += products[k, j][:, rows, columns]

    def gather(self, out: np.ndarray, height: int, width: int) -> np.ndarray:
        """A view (K, L, O, H, W): for each product the number of ``out`` that it is added to, 0 where there is none."""
        margins = [(k - 1 - p, k - 1 - p) for k, p in zip(self.window, self.padding)]
        padded = np.pad(out, [(0, 0), *margins])
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.window, axis=(1, 2))  # type: ignore
        return windows[..., ::-1, ::-1].transpose(3, 4, 0, 1, 2)


class Spread(NamedTuple):
    """Where the products of a transposed convolution belong, whose stride is its window: each makes one output."""

    window: tuple[int, int]

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """(R, Q) of an input of (H, W)."""
        return height * self.window[0], width * self.window[1]

    def scatter(self, products: np.ndarray, first: int, out: np.ndarray) -> None:
        """Add the products (K, L, O, N, W) of the rows from ``first`` on to ``out`` (O, R, Q)."""
        cells = self._cells(out)[:, first : first + products.shape[3]]
        cells += products.transpose(2, 3, 0, 4, 1)

    def gather(self, out: np.ndarray, height: int, width: int) -> np.ndarray:
        """A view (K, L, O, H, W): for each product the number of ``out`` that it is added to."""
        return self._cells(out).transpose(2, 4, 0, 1, 3)

    def _cells(self, out: np.ndarray) -> np.ndarray:
        """``out`` as (O, H, K, W, L)."""
        (window, columns), (rows, width) = self.window, out.shape[1:]
        return out.reshape(len(out), rows // window, window, width // columns, columns)


def _overlap(offset: int, first: int, count: int, size: int) -> tuple[slice, slice]:
    """Of ``count`` numbers from ``first`` on, which belong ``offset`` further back: those in 0..size, and where."""
    start, stop = max(0, first - offset), min(size, first + count - offset)
    return slice(start + offset - first, max(start, stop) + offset - first), slice(start, max(start, stop))


def _parts(rows: int, width: int, products: int) -> Iterator[tuple[int, int]]:
    """(first, last) rows of each part of an image with so many products for each pixel."""
    step = max(PART_SIZE // (products * width), -(-PART_PIXELS // width))
    for first in range(0, rows, step):
        yield first, min(rows, first + step)


class _Convolution(PyLayer):
    @staticmethod
    def forward(ctx, x, weight, bias, layout, output_axis):
        ctx.wanted = [not each.stop_gradient for each in (x, weight)]
        ctx.wanted += [] if bias is None else [not bias.stop_gradient]
        x = x.contiguous()
        ctx.save_for_backward(x, weight)
        ctx.layout, ctx.output_axis = layout, output_axis
        pixels, rows = view(x), _weight_rows(weight, output_axis)
        height, width = pixels.shape[2:]
        channels = weight.shape[output_axis]
        out = paddle.empty([len(pixels), channels, *layout.out_size(height, width)])
        outputs = view(out)
        outputs[:] = 0 if bias is None else view(bias)[:, None, None]
        for image, output in zip(pixels, outputs):
            for first, last in _parts(height, width, len(rows)):
                products = rows @ image[:, first:last].reshape(len(image), -1)
                layout.scatter(products.reshape(*layout.window, channels, last - first, width), first, output)
        return out

    @staticmethod
    def backward(ctx, out_grad):
        x, weight = ctx.saved_tensor()
        layout, wanted, out_grad = ctx.layout, ctx.wanted, out_grad.contiguous()
        pixels, rows, grads = view(x), _weight_rows(weight, ctx.output_axis), view(out_grad)
        height, width = pixels.shape[2:]
        x_grad = paddle.empty_like(x) if wanted[0] else None
        rows_grad = np.zeros_like(rows)
        for b, (image, grad) in enumerate(zip(pixels, grads)):
            sources = layout.gather(grad, height, width)
            for first, last in _parts(height, width, len(rows)):
                source = sources[:, :, :, first:last].reshape(len(rows), -1)
                if x_grad is not None:
                    target = view(x_grad)[b, :, first:last].reshape(len(image), -1)
                    np.matmul(rows.T, source, out=target)
                if wanted[1]:
                    rows_grad += source @ image[:, first:last].reshape(len(image), -1).T
        weight_grad = _to_weight(rows_grad, weight, ctx.output_axis) if wanted[1] else None
        results = [x_grad, weight_grad]
        if len(wanted) == 3:
            of_planes = grads.reshape(*grads.shape[:2], -1).sum(axis=2)
            results.append(paddle.to_tensor(of_planes.sum(axis=0)) if wanted[2] else None)
        return tuple(results)


def _weight_rows(weight: Tensor, output_axis: int) -> np.ndarray:
    """The weight as a matrix (K L O, C)."""
    weight = weight.contiguous()  # a name keeps it alive
    values = view(weight).transpose(2, 3, output_axis, 1 - output_axis)
    return np.ascontiguousarray(values).reshape(-1, values.shape[3])


def _to_weight(rows: np.ndarray, weight: Tensor, output_axis: int) -> Tensor:
    """What :func:`_weight_rows` made a matrix of, from such a matrix."""
    window, sizes = weight.shape[2:], weight.shape[:2]
    values = rows.reshape(*window, sizes[output_axis], sizes[1 - output_axis])
    values = values.transpose(2 + output_axis, 3 - output_axis, 0, 1)
    return paddle.to_tensor(np.ascontiguousarray(values))


def dense_conv2d(x: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int]) -> Tensor:
    """What ``F.conv2d(x, weight, bias, stride=1, padding)`` computes, to rounding, and all its gradients.

    Args:
        x: (B, C, H, W), float32, on the CPU; padded, no side is smaller than the window.
        weight: (O, C, K, L), float32, on the CPU.
        bias: (O,), or None.
        padding: (height, width) in pixels, >= 0 and smaller than the window.
    Returns:
        (B, O, R, Q). It has no second derivative.
    """
    return _Convolution.apply(x, weight, bias, Shift(tuple(weight.shape[2:]), padding), 0)


def dense_conv2d_transpose(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """What ``F.conv2d_transpose(x, weight, bias, stride=(K, L))`` computes, to rounding, and all its gradients.

    Args:
        x: (B, C, H, W), float32, on the CPU.
        weight: (C, O, K, L), float32, on the CPU.
        bias: (O,), or None.
    Returns:
        (B, O, K H, L W). It has no second derivative.
    """
    return _Convolution.apply(x, weight, bias, Spread(tuple(weight.shape[2:])), 1)
