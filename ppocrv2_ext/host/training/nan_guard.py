"""Training stops at the first loss or weight that is not finite, before a step is taken or a checkpoint is written."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import paddle

from ...plugins.terms import find_broken_term, read_terms
from ..samples.loader import describe_files


def check_loss(build_loss: Callable) -> Callable:
    """PaddleOCR's ``build_loss``, with a check of every value that the loss computes.

    Raises (the loss):
        FloatingPointError: a term, or the sum, is not finite. The message, half a sentence, names the term and the
            batch's files.
    """

    @functools.wraps(build_loss)
    def build(config: dict) -> paddle.nn.Layer:
        loss = build_loss(config)
        loss.forward = _check_terms(loss.forward)
        return loss

    return build


def check_checkpoint(save_model: Callable) -> Callable:
    """PaddleOCR's ``save_model``, which first looks at the weights: those that are not finite overwrite no checkpoint.

    Raises (the new function):
        FloatingPointError: the message, half a sentence, names the first such weight.
    """

    @functools.wraps(save_model)
    def save(model: paddle.nn.Layer, *rest: Any, **options: Any) -> Any:
        weights = {name: value for name, value in model.state_dict().items() if value.is_floating_point()}
        broken = _find_non_finite(weights)
        if broken:
            raise FloatingPointError(f"after the last step, weight {broken[0]!r} is not finite")
        return save_model(model, *rest, **options)

    return save


def _check_terms(forward: Callable) -> Callable:
    @functools.wraps(forward)
    def forward_or_raise(predicts: Any, batch: Any) -> dict[str, Any]:
        try:
            terms = forward(predicts, batch)
            values = read_terms(terms)
            broken = find_broken_term(values)
            if broken:
                raise FloatingPointError("the loss term {!r} is {}".format(*broken))
        except FloatingPointError as error:
            files = getattr(batch, "files", None)
            raise FloatingPointError(
                f"{error}, in a batch of {describe_files(files)}" if files else str(error)
            ) from error
        return {**terms, **_on_host(values)}

    return forward_or_raise


def _on_host(values: Mapping[str, float]) -> dict[str, paddle.Tensor]:
    """The terms as tensors that wait for no device. PaddleOCR reads each for its log, in every step.

    ``loss`` is not among them: its gradient is needed.
    """
    return {
        name: paddle.to_tensor(value, dtype="float32", place=paddle.CPUPlace())
        for name, value in values.items()
        if name != "loss"
    }


def _find_non_finite(tensors: Mapping[str, paddle.Tensor]) -> list[str]:
    """The names of the tensors that hold NaN or infinity."""
    finite = paddle.stack([paddle.isfinite(tensor).all() for tensor in tensors.values()]).numpy()
    return [name for name, is_finite in zip(tensors, finite) if not is_finite]
