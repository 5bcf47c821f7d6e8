"""What stands around PaddleOCR's training loop, and between the loop and its parts: contexts, loaders, names."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import paddle
from paddle import nn

from ...checkpoints import records
from ...checkpoints.paths import without_suffix

TrainingContext = Callable[[dict[str, Any], dict[str, Any]], contextlib.AbstractContextManager]


def surround(train: Callable, contexts: Sequence[TrainingContext]) -> Callable:
    """PaddleOCR's ``tools.program.train``, which runs inside of contexts.

    Args:
        train: PaddleOCR's own function.
        contexts: from the outermost to the innermost. Each is made of two dicts, which it may change: the arguments of
            ``train`` by name, and the names of its module, where the loop looks its functions up.
    """
    signature = inspect.signature(train)

    @functools.wraps(train)
    def train_inside(*arguments: Any, **options: Any) -> None:
        bound = signature.bind(*arguments, **options)
        bound.apply_defaults()
        with contextlib.ExitStack() as stack:
            for context in contexts:
                stack.enter_context(context(bound.arguments, train.__globals__))
            train(*bound.args, **bound.kwargs)

    return train_inside


class PassingLoader:
    """A loader of PaddleOCR's loop, whose batches pass through a function. Everything else is that loader's.

    Args:
        loader: what gives the batches.
        pass_on: from the loader to the batches of one epoch.
    """

    def __init__(self, loader: Any, pass_on: Callable[[Any], Iterator[Any]]):
        self._loader, self._pass_on = loader, pass_on

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Any]:
        return self._pass_on(self._loader)


def pass_batches(
    given: dict[str, Any], loop: Mapping[str, Any], pass_on: Callable[[Any], Iterator[Any]]
) -> dict[str, Callable]:
    """Let the batches of every epoch pass through a function.

    Args:
        given: the arguments of PaddleOCR's ``train``; the loader among them is replaced.
        loop: the global names of ``tools.program``.
        pass_on: from a loader to the batches of one epoch.
    Returns:
        what has to take the place of names of the loop, for :func:`replace_names`.
    """
    given["train_dataloader"] = PassingLoader(given["train_dataloader"], pass_on)
    build = loop.get("build_dataloader")
    if build is None:
        return {}
    # The wheel builds a loader for every epoch where the dataset asks for it.
    return {"build_dataloader": lambda *arguments, **options: PassingLoader(build(*arguments, **options), pass_on)}


def unwrap(model: nn.Layer) -> nn.Layer:
    """The network itself, where several processes train: there PaddleOCR puts it into a DataParallel."""
    return model._layers if isinstance(model, paddle.DataParallel) else model


def cast_as_in_loop(given: Mapping[str, Any]) -> contextlib.AbstractContextManager:
    """A context in which a network runs in the precision of the loop.

    At level O2 the weights are half precision before the loop begins, and images are float32: outside of such a context
    the network does not run.

    Args:
        given: the arguments of PaddleOCR's ``train``.
    """
    if given.get("scaler") is None:
        return contextlib.nullcontext()
    return paddle.amp.auto_cast(
        level=given["amp_level"],
        custom_black_list=given["amp_custom_black_list"],
        custom_white_list=given["amp_custom_white_list"],
        dtype=given["amp_dtype"],
    )


def find_start(given: Mapping[str, Any]) -> records.Position:
    """Where a training begins, or goes on from its checkpoint.

    Args:
        given: the arguments of PaddleOCR's ``train``.
    """
    before, steps_per_epoch = given["pre_best_model_dict"], given["step_pre_epoch"]
    checkpoint = given["config"]["Global"].get("checkpoints")
    saved = records.read_position(without_suffix(checkpoint)) if checkpoint else None
    if saved:
        return saved.follow(steps_per_epoch)
    epoch = before.get("start_epoch", 1)  # PaddleOCR's own checkpoints lie between epochs
    return records.Position(epoch, 0, before.get("global_step", (epoch - 1) * steps_per_epoch), steps_per_epoch)


@contextlib.contextmanager
def replace_names(names: dict[str, Any], functions: Mapping[str, Any]) -> Iterator[None]:
    """Put ``functions`` in place of the names of a module, until the end of the block."""
    before = {name: names[name] for name in functions}
    names.update(functions)
    try:
        yield
    finally:
        names.update(before)
