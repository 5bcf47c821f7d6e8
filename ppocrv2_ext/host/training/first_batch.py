"""What a recognizer does with its first batch: in training as in evaluation, and where the gradient of CTC goes.

With frozen statistics (``freeze_norm``) a network computes in training what it will compute in evaluation, but for
layers such as dropout. Where it does not, one line of the log says by how much, and which layers do it.

Of several branches (MultiHead), CTC may learn without the backbone: ``use_guide: true`` of PaddleOCR's SVTR neck stops
its gradient there, while the other branch reaches it. So :func:`.first_step.check_gradients` finds a gradient in all
parts.

A few lines of the batch go through the network once more for that. Nothing of it is left: no statistics, no gradient,
no draw of Paddle's generator.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import paddle
from paddle import nn

from ...config.names import CTC_HEADS
from ...config.networks import name_section, networks
from ...errors import summarise
from ...plugins.fast_cpu.memory import paddle_only
from ...plugins.terms import logits_of
from .loop import cast_as_in_loop, pass_batches, replace_names, unwrap

LINES = 2  # of the first batch, that are looked at
TOLERANCE = 1e-3  # of a difference between the modes, relative to the largest value
HALF_TOLERANCE = 0.05  # the same in half precision: bfloat16 has 8 bits, and each layer rounds
RATES = ("p", "drop_prob")  # what Paddle's Dropout and PaddleOCR's DropPath call their probability


class Watched(NamedTuple):
    """A network whose first batch is looked at."""

    network: nn.Layer
    section: Mapping[str, Any]  # of the config
    where: str  # the key of that section


class Difference(NamedTuple):
    """How far what a network computes in training is from what it computes in evaluation."""

    size: float  # the largest, relative to the largest value in evaluation
    causes: list[str]  # layers that give another output in training
    rest: float  # the size while these layers are in evaluation; 0 where that is within the tolerance


class _Reached(Exception):  # noqa: N818  (no error)
    """Ends a run at the head, which would want labels."""


@contextlib.contextmanager
def look_at_first_batch(given: dict[str, Any], loop: dict[str, Any]) -> Iterator[None]:
    """A context of the training loop that does as this module says. See :func:`.loop.surround` for the arguments.

    The look comes before the step is seeded, see :mod:`.resume`, so that it changes no draw of that step.
    """
    watched, logger = list_watched(given["model"], given["config"]), given["logger"]
    if not watched:
        yield
        return

    def pass_on(loader: Any) -> Iterator[Any]:
        for batch in loader:
            if watched:
                unwrap(given["model"]).train()
                for each in watched:
                    _look(each, batch[0][:LINES], lambda: cast_as_in_loop(given), logger)
                watched.clear()
            yield batch

    with replace_names(loop, pass_batches(given, loop, pass_on)):
        yield


def list_watched(model: nn.Layer, config: Mapping[str, Any]) -> list[Watched]:
    """The recognizers that learn with frozen statistics, or have several branches."""
    if config["Architecture"].get("model_type") != "rec":
        return []
    found = []
    for name, section in networks(config["Architecture"]).items():
        network = unwrap(model) if name is None else getattr(unwrap(model), name)
        learns = hasattr(network, "head") and not section.get("freeze_params")
        if learns and (section.get("freeze_norm") or _has_branches(network)):
            found.append(Watched(network, section, name_section(name)))
    return found


def _look(watched: Watched, images: paddle.Tensor, cast: Callable, logger: Any) -> None:
    network, section, where = watched
    try:
        if section.get("freeze_norm"):
            difference = compare_modes(network, images, cast)
            if difference is not None:
                log = logger.info if difference.causes and not difference.rest else logger.warning
                what = "inputs of the head" if _find_ctc_head(network) is None else "logits"
                log(describe_difference(where, what, difference))
        if _has_branches(network) and not is_reached_by_ctc(network, images, cast):
            logger.warning(describe_cut(where, section))
    except Exception as error:  # some networks run with labels alone; what is wrong with others, the loop will say
        logger.info(f"{where}: training and evaluation mode are not compared: {summarise(error)}.")


def compare_modes(
    network: nn.Layer,
    images: paddle.Tensor,
    cast: Callable[[], contextlib.AbstractContextManager] = contextlib.nullcontext,
) -> Difference | None:
    """Compare the logits of a head of CTC in training and in evaluation; of other heads, what comes into them.

    What a head does by its own flag ``training`` is not compared, since heads return other things in evaluation. What
    its layers do is.

    Args:
        network: a recognizer, in the mode of training.
        images: (B, C, H, W).
        cast: makes the context that the network runs in, see :func:`.loop.cast_as_in_loop`.
    Returns:
        None where they are equal, up to rounding.
    """
    acting: list[nn.Layer] = []
    with _left_as_it_is(network), paddle.no_grad(), cast():
        evaluated = _read(network, images, training=False)

        def compare(**options: Any) -> float:
            return _measure_difference(_read(network, images, **options), evaluated)

        size = compare()
        if not size:
            return None
        with _noting_layers_that_act(network, acting):
            _read(network, images)
        return Difference(size, _name_layers(network, acting), compare(resting=acting) if acting else size)


def _measure_difference(trained: paddle.Tensor, evaluated: paddle.Tensor) -> float:
    """The largest difference, relative to the largest value; 0 within the tolerance, infinity for other shapes."""
    if trained.shape != evaluated.shape:
        return float("inf")
    tolerance = TOLERANCE if evaluated.dtype == paddle.float32 else HALF_TOLERANCE
    trained, evaluated = trained.astype("float32"), evaluated.astype("float32")
    size = float((trained - evaluated).abs().max() / evaluated.abs().max())
    return 0.0 if size <= tolerance else size


def _read(
    network: nn.Layer, images: paddle.Tensor, training: bool = True, resting: Sequence[nn.Layer] = ()
) -> paddle.Tensor:
    """The logits of the head of CTC, or what comes into another head. The modes of the layers are kept.

    Args:
        training: whether the network is in the mode of training, in which it must come.
        resting: layers that are in evaluation all the same.
    """
    found: list[paddle.Tensor] = []
    head = _find_ctc_head(network)

    def keep_logits(_: nn.Layer, __: tuple, output: Any) -> None:
        found.append(logits_of(output))

    def keep_input(_: nn.Layer, inputs: tuple) -> None:
        found.append(logits_of(inputs[0]))
        raise _Reached

    with _modes_kept(network):
        if not training:
            network.eval()
        for layer in resting:
            layer.eval()
        if head is None:
            hook = network.head.register_forward_pre_hook(keep_input)
        else:
            network.head.training = False  # a MultiHead then returns what its CTC says, and needs no labels
            head.training = True  # it then returns logits
            hook = head.register_forward_post_hook(keep_logits)
        try:
            network(images)
        except _Reached:
            pass
        finally:
            hook.remove()
    return found[0]


def _find_ctc_head(network: nn.Layer) -> nn.Layer | None:
    head = getattr(network.head, "ctc_head", network.head)
    return head if type(head).__name__.endswith("CTCHead") else None


def _has_branches(network: nn.Layer) -> bool:
    return hasattr(network.head, "ctc_head") and hasattr(network, "backbone")


@contextlib.contextmanager
def _noting_layers_that_act(network: nn.Layer, acting: list[nn.Layer]) -> Iterator[None]:
    """A context in which layers without weights note themselves, if their output in evaluation is another one."""

    def compare(layer: nn.Layer, inputs: tuple, output: Any) -> None:
        layer.training = False
        evaluated = layer.forward(*inputs)
        layer.training = True
        if paddle.is_tensor(output) and _measure_difference(output, evaluated) and layer not in acting:
            acting.append(layer)

    simple = [each for each in network.sublayers() if each.training and not each.sublayers() and not each.parameters()]
    hooks = [layer.register_forward_post_hook(compare) for layer in simple]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _name_layers(network: nn.Layer, layers: Sequence[nn.Layer]) -> list[str]:
    """Layers by type, part and rate, such as "Dropout, 6 layers in the neck, p 0.1"."""
    names = {id(layer): name for name, layer in network.named_sublayers()}
    counts: Counter = Counter()
    for layer in layers:
        rate = next((f", p {getattr(layer, name):g}" for name in RATES if hasattr(layer, name)), "")
        counts[type(layer).__name__, names[id(layer)].partition(".")[0], rate] += 1
    return [
        f"{kind}, {count} layer{'s' * (count > 1)} in the {part}{rate}" for (kind, part, rate), count in counts.items()
    ]


def describe_difference(where: str, what: str, difference: Difference) -> str:
    """The sentence about a :class:`Difference` of the network ``where``.

    Args:
        what: was compared, such as "logits".
    """
    size, causes, rest = difference
    by = "in shape" if size == float("inf") else f"by {size:.2g} of the largest value"
    said = (
        f"{where}: BatchNorm keeps its statistics, but the {what} of the first lines in training differ from those in"
        f" evaluation {by}"
    )
    if not causes:
        return f"{said}; no layer without weights accounts for it."
    remains = f"; with them in evaluation, {rest:.2g} remains" if rest else ""
    return f"{said}, as these layers act in training alone: {'; '.join(causes)}{remains}."


def is_reached_by_ctc(
    network: nn.Layer,
    images: paddle.Tensor,
    cast: Callable[[], contextlib.AbstractContextManager] = contextlib.nullcontext,
) -> bool:
    """Whether the gradient of the CTC branch of a MultiHead comes to the backbone, if that learns at all."""
    features: list[paddle.Tensor] = []
    hook = network.backbone.register_forward_post_hook(
        lambda _, __, output: features.extend(each for each in paddle.utils.flatten(output) if not each.stop_gradient)
    )
    try:
        with _left_as_it_is(network), paddle_only(), cast():  # a part of a graph has no gradient by the fast kernels
            logits = _read(network, images)
            if not features or logits.stop_gradient:
                return True
            learning = [each for each in network.parameters() if not each.stop_gradient]  # an LSTM wants all of its own
            gradients = paddle.grad([logits.sum()], [*features, *learning], allow_unused=True)
            return any(each is not None for each in gradients[: len(features)])
    finally:
        hook.remove()


def describe_cut(where: str, section: Mapping[str, Any]) -> str:
    """The sentence about a backbone that the gradient of CTC does not reach, with the option that may do it."""
    said = (
        f"{where}: the gradient of CTC does not reach the backbone, which learns from the other branch of"
        f" {section['Head']['name']} alone"
    )
    branches = [item for branch in section["Head"]["head_list"] for item in branch.items() if item[0] in CTC_HEADS]
    guided = next((name for name, branch in branches if branch["Neck"].get("use_guide")), None)
    if guided:
        return f"{said}; `use_guide: false` in the Neck of {guided} lets it through."
    return f"{said}."


@contextlib.contextmanager
def _left_as_it_is(network: nn.Layer) -> Iterator[None]:
    """A context after which Paddle's generator is as before, and so are the tensors that no gradient changes.

    Python's and NumPy's generators are not touched. Without loader processes, a thread that reads ahead draws from them
    meanwhile, and its samples would get other draws.
    """
    tensors = [each for each in (*network.parameters(), *network.buffers()) if each.stop_gradient]
    tensors = [each for each in tensors if each._is_initialized()]  # an LSTM has a buffer that its first run fills
    values, drawn = [each.clone() for each in tensors], paddle.get_rng_state()
    try:
        yield
    finally:
        paddle.set_rng_state(drawn)
        for tensor, value in zip(tensors, values):
            tensor.set_value(value)


@contextlib.contextmanager
def _modes_kept(network: nn.Layer) -> Iterator[None]:
    modes = [(layer, layer.training) for layer in network.sublayers(include_self=True)]
    try:
        yield
    finally:
        for layer, mode in modes:
            layer.training = mode
