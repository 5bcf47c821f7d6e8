"""A look at the first step of a training, for faults that let it run to its end and learn nothing.

- A recognizer whose backbone makes other frames in training than in evaluation. The backbones of PP-OCRv3 to v6 pool
  to 40 frames in training, whatever the width, and to a frame for every 8 pixels in evaluation
  (``ppocr/modeling/backbones/rec_lcnetv3.py``).
- A part of a network that no loss reaches. ``use_guide: true`` of PaddleOCR's SVTR neck, for one, stops the gradient of
  CTC before the backbone (``ppocr/modeling/necks/rnn.py``).
- A CTC loss that is 0 because the texts need more frames than the network makes (:mod:`.zero_loss`).
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import paddle
from paddle import nn

from ...config.networks import name_section, networks
from ...data.line_shapes import Lines, list_line_shapes
from ...errors import UserError, summarise
from ..networks.frame_count import OPTION, name_heights
from .loop import cast_as_in_loop, unwrap
from .zero_loss import ZeroLossWatch

ALLOW = "allow_no_gradient"  # of Global: the parts that may go without a gradient
MUCH_WIDER = 16  # times, by which a line is made wider to see how many pixels a frame has
Run = Callable[..., paddle.Tensor]  # :func:`_run_backbone` of one backbone


@contextlib.contextmanager
def check_first_step(given: dict[str, Any], loop: dict[str, Any]) -> Iterator[None]:
    """A context of the training loop that looks at the backbone first, and at the first loss and its gradients.

    See :func:`.loop.surround` for the arguments.

    Raises:
        UserError: the frames differ between training and evaluation, or a whole part gets no gradient.
    """
    config, model, log = given["config"], given["model"], given["logger"].warning
    check_frames(model, config, lambda: cast_as_in_loop(given))
    allowed = config["Global"].get(ALLOW) or []
    _call_before_first_step(given["optimizer"], lambda: [log(line) for line in check_gradients(model, allowed)])
    losses = ZeroLossWatch(config, log)
    losses.watch(given["loss_class"])
    try:
        yield
    finally:
        losses.end()


def check_frames(
    model: nn.Layer,
    config: Mapping[str, Any],
    cast: Callable[[], contextlib.AbstractContextManager] = contextlib.nullcontext,
) -> None:
    """Compare the frames of the backbone of every recognizer of ``config`` in training and in evaluation.

    Args:
        cast: makes the context that each backbone runs in, see :func:`.loop.cast_as_in_loop`.
    Raises:
        UserError: the frames differ.
    """
    trained, evaluated = (list_line_shapes(config, mode) for mode in ("Train", "Eval"))
    if config["Architecture"].get("model_type") != "rec" or not trained or not evaluated:
        return
    for name, network in networks(config["Architecture"]).items():
        part = unwrap(model) if name is None else getattr(unwrap(model), name)
        if hasattr(part, "backbone") and not network.get("Transform"):
            run = functools.partial(_run_backbone, part.backbone, cast)
            _check_backbone(run, network, name_section(name), trained, evaluated)


def _check_backbone(
    run: Run, network: Mapping[str, Any], where: str, trained: list[Lines], evaluated: list[Lines]
) -> None:
    """:func:`check_frames` of one network: of lines of one shape, it should make as many frames in either mode.

    Args:
        run: the backbone.
        network: its section of the config.
        where: the key of that section.
        trained, evaluated: the lines of Train and of Eval, one for each scale of a sampler.
    """
    name, read = network["Backbone"]["name"], evaluated[0]
    as_read = {lines.shape: _run_or_refuse(run, False, name, lines, evaluated) for lines in evaluated}
    for lines in trained:
        learned = _run_or_refuse(run, True, name, lines, trained)
        shape = lines.shape
        try:
            features = as_read[shape] if shape in as_read else run(False, shape)
        except Exception:  # evaluation has no such lines, where a sampler of training draws low ones
            shape = (shape[0], read.shape[1], shape[2])
            features = run(False, shape)
        count, right = learned.shape[-1], features.shape[-1]
        if count != right:
            stopping = [each for each in trained if _stops(run, each)]
            without = f" without {name_heights(stopping)}" if stopping else ""
            ways = []
            if not network.get(OPTION) and run(True, shape, by_width=True).shape[-1] == right:
                ways.append(f"`{where}.{OPTION}: true`{without}")
            suited = _find_width(run, shape, count)
            if suited:
                ways.append(f"the width to {suited}, in {lines.key} and {read.key}")
            advice = f"set {' or '.join(ways)}" if ways else "take another backbone"
            raise UserError(
                f"{name} makes {count} frames of {shape[2]} pixels in training, but {right} in evaluation, so it would"
                f" learn and read at different scales: {advice}."
            )
        frames_read = as_read[read.shape].shape[-1]
        if not _pools_alike((shape[2], count), (read.shape[2], frames_read)):
            raise UserError(
                f"{name} makes {count} frames of {shape[2]} pixels and {frames_read} of {read.shape[2]}, so it would"
                f" learn and read at different scales: set one width in {lines.key} and {read.key}."
            )


def _run_or_refuse(run: Run, training: bool, name: str, lines: Lines, drawn: list[Lines]) -> paddle.Tensor:
    """The features of ``lines``, one of the scales ``drawn``. Where the backbone stops now, it would stop later too."""
    try:
        return run(training, lines.shape)
    except Exception as error:
        advice = f"leave {name_heights([lines])} out of" if len(drawn) > 1 else "change"
        sentence = f"{name} stops at lines of {list(lines.shape)}: {summarise(error)}; {advice} {lines.key}."
        raise UserError(sentence) from error


def _pools_alike(*frames_of_width: tuple[int, int]) -> bool:
    """Whether two (width, frames) belong to frames of one width, which backbones round down to whole frames."""
    (narrow, few), (wide, many) = sorted(frames_of_width)
    return abs(many * narrow / wide - few) <= 1


def _find_width(run: Run, shape: tuple[int, ...], count: int) -> int | None:
    """The width of which a backbone makes ``count`` frames in both modes, if it always does in training."""
    *sides, width = shape
    wide = MUCH_WIDER * width  # of so many frames, the last one that is left out hardly counts
    try:
        suited = wide * count // run(False, (*sides, wide)).shape[-1]
        counts = {run(training, (*sides, suited)).shape[-1] for training in (True, False)}
    except Exception:  # it takes lines of one width
        return None
    return suited if len(counts) == 1 else None


def _stops(run: Run, lines: Lines) -> bool:
    """Whether a backbone stops at these lines in evaluation."""
    try:
        run(False, lines.shape)
    except Exception:
        return True
    return False


def _run_backbone(
    backbone: nn.Layer,
    cast: Callable[[], contextlib.AbstractContextManager],
    training: bool,
    shape: tuple[int, ...],
    by_width: bool = False,
) -> paddle.Tensor:
    """The features of one grey image. Neither statistics nor the mode of the layers change.

    Args:
        training: whether the backbone is in training.
        by_width: whether it then pools as in evaluation, see :mod:`..networks.frames_by_width`.
    """
    modes = [(layer, layer.training) for layer in backbone.sublayers(include_self=True)]
    state = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    (backbone.train if training else backbone.eval)()
    for layer, mode in modes:
        if training and not mode:
            layer.eval()  # frozen: it stays in evaluation while its network trains
    if by_width:
        backbone.training = False
    with paddle.no_grad(), cast():  # the state is copied outside, where nothing casts it
        features = backbone(paddle.zeros([1, *shape]))
    backbone.set_state_dict(state)
    for layer, mode in modes:
        layer.training = mode
    return features[-1] if isinstance(features, (list, tuple)) else features


def check_gradients(model: nn.Layer, allowed: list[str]) -> Iterator[str]:
    """Look for trainable tensors without a gradient, after the first backward pass.

    Args:
        allowed: parts that may go without, such as ``head`` or ``Student.neck``.
    Yields:
        A sentence for each part some of whose tensors have none.
    Raises:
        UserError: a whole part has none and is not allowed to.
    """
    parts: dict[str, list[tuple[str, bool]]] = {}
    for name, parameter in unwrap(model).named_parameters():
        if parameter.trainable and not parameter.stop_gradient:
            parts.setdefault(_name_part(name), []).append((name, parameter.grad is not None))
    for part, tensors in parts.items():
        lacking = [name for name, has_gradient in tensors if not has_gradient]
        if len(lacking) == len(tensors) and part not in allowed:
            raise UserError(
                f"no loss reaches the {part}: none of its {len(tensors)} trainable tensors gets a gradient, so it would"
                f" learn nothing. Change the loss or the architecture, or set Global.{ALLOW}=[{part}] if it should not"
                " learn."
            )
        if lacking:
            yield (
                f"{len(lacking)} of the {len(tensors)} trainable tensors of the {part} get no gradient and will not"
                f" learn, the first {lacking[0]!r}."
            )


def _name_part(name: str) -> str:
    """The part of a network that a parameter belongs to: "backbone", or "Student.backbone" of one of several."""
    first, _, rest = name.partition(".")
    return first if first in ("transform", "backbone", "neck", "head") else f"{first}.{rest.partition('.')[0]}"


def _call_before_first_step(optimizer: Any, look: Callable[[], Any]) -> None:
    """Call ``look`` before the first step of ``optimizer``. AMP calls ``minimize``, other training ``step``."""

    def wrap(method: Callable) -> Callable:
        @functools.wraps(method)
        def first(*arguments: Any, **options: Any) -> Any:
            for name in originals:
                delattr(optimizer, name)
            look()
            return method(*arguments, **options)

        return first

    originals = ("step", "minimize")
    for name in originals:
        setattr(optimizer, name, wrap(getattr(optimizer, name)))
