"""Exponential moving average of the weights (EMA), ``Global.use_ema``.

PaddleOCR's main branch trains with it, in ``ppocr/utils/ema.py``, but fails on a network with integer tensors, such as
the counts of our class centers. :class:`WeightAverage` takes the place of its class. The wheel and older clones have no
EMA. In the training loop of all of them :func:`average_weights` keeps the average, with PaddleOCR's keys and files.

=====================  ===============================================================================================
Global.use_ema         train with an average; evaluation and every saved ``.pdparams`` hold the average [false]
ema_decay              share of the old average that a step keeps, in [0, 1) [0.9998]
ema_decay_type         how this share begins: threshold, exponential or normal, see :class:`WeightAverage` [threshold]
ema_gamma              steps in which "exponential" comes near ``ema_decay`` [2000]
ema_filter_no_grad     leave parameters that do not learn out of the average [false]
ema_start_share        share of the weights that the training began from in what is evaluated and saved, in [0, 1) [0].
                       PaddleOCR does not know this key.
``.pdema`` beside it   ``train_state``: the weights to train on with; ``ema_state`` and ``step``: the average;
                       ``share_of_start`` and ``constant``: what a resumed training with other keys needs;
                       ``start_weights``: those that the training began from, with ``ema_start_share``
=====================  ===============================================================================================
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paddle

from ...arguments import positive, share
from ...checkpoints import loading, pdparams, records
from ...checkpoints.average import CENTERS
from ...checkpoints.paths import without_suffix
from ...errors import UserError, did_you_mean
from ...files import atomic_write
from ...plugins.frozen_norm import BATCH_NORMS
from .loop import replace_names, unwrap

DECAY_TYPES = ("threshold", "exponential", "normal")
KEYS = {  # of Global: the arguments of WeightAverage
    "ema_decay": "decay",
    "ema_gamma": "gamma",
    "ema_decay_type": "ema_decay_type",
    "ema_filter_no_grad": "ema_filter_no_grad",
}
START_SHARE = "ema_start_share"
SUFFIX = ".pdema"


class WeightAverage:
    """The average of a network's weights over the steps of a training, as PaddleOCR's ``ModelEMA`` computes it.

    .. math:: a_0 = 0,  a_{t+1} = d_t a_t + (1 - d_t) w_{t+1},  where d_t is, by ``ema_decay_type``:

        threshold    min(decay, (1 + t) / (10 + t))
        exponential  decay (1 - exp(-(t + 1) / gamma))
        normal       decay

    The result is a_t / (1 - d_{t-1}^t), and plain a_t for "exponential". The divisor makes up for the start at zero. It
    is exact for "normal". For "threshold" it is PaddleOCR's: up to 2 % off in the first ten steps, about 1e-4 later.

    A training may be resumed with other keys. From then on d_t is that of the new ones, and the result is
    a_t / (1 - d_0 d_1 ... d_{t-1}), which is exact for every d_t.

    Some tensors are not averaged, and the result has their present value: integers, class centers, frozen BatchNorm
    statistics, and whatever a frozen network holds. So a frozen teacher stays bit-equal. A center is a running mean
    already. An average of it over the steps would begin at zero, and that of a rare class would stay near it.

    After :meth:`keep_start`, the result is (1 - s) times this average plus s times the weights of the start. Such a
    mean of a fine-tune and its start keeps what the start could do (WiSE-FT, arXiv:2109.01903).

    Args:
        model: the network, perhaps in a DataParallel.
        decay, gamma, ema_decay_type, ema_filter_no_grad: as in ``Global``, see the table of this module.
    Raises:
        ValueError: ``decay`` or ``gamma`` is out of range.
        UserError: there is no such type of decay.
    """

    def __init__(
        self,
        model: paddle.nn.Layer,
        decay: float = 0.9998,
        gamma: float = 2000,
        ema_decay_type: str = "threshold",
        ema_filter_no_grad: bool = False,
    ):
        if ema_decay_type not in DECAY_TYPES:
            raise UserError(f"Global.ema_decay_type is {ema_decay_type!r}{did_you_mean(ema_decay_type, DECAY_TYPES)}")
        self.decay, self.gamma = share(decay, "ema_decay"), positive(gamma, "ema_gamma")
        self.ema_decay_type = ema_decay_type
        self.step = 0
        self.share_of_start = 1.0  # the product of all shares so far
        self._has_one_rule = True  # all shares so far are those of the present keys
        self.start_share = 0.0
        self.start_weights: dict[str, paddle.Tensor] | None = None
        model = unwrap(model)  # a DataParallel adds a level to the names of layers
        self._types = {name: value.dtype for name, value in model.state_dict().items()}
        self._constant = _constant_names(model, ema_filter_no_grad)
        # PaddleOCR saves `state_dict` and `step` by these names.
        self.state_dict: dict[str, paddle.Tensor] = {
            name: value if name in self._constant else paddle.zeros_like(value, dtype="float32")
            for name, value in model.state_dict().items()
        }

    @paddle.no_grad()
    def keep_start(self, model: paddle.nn.Layer, start_share: float) -> None:
        """Mix the weights that ``model`` has now into every result, unless a resumed average brought such weights.

        Args:
            start_share: their share in the result, in [0, 1).
        """
        self.start_share = share(start_share, START_SHARE)
        if self.start_weights is None:
            self.start_weights = {name: value.clone() for name, value in unwrap(model).state_dict().items()}

    def _decay_at(self, step: int) -> float:
        if self.ema_decay_type == "threshold":
            return min(self.decay, (1 + step) / (10 + step))
        if self.ema_decay_type == "exponential":
            return self.decay * (1 - math.exp(-(step + 1) / self.gamma))
        return self.decay

    @paddle.no_grad()
    def update(self, model: paddle.nn.Layer) -> None:
        """Take the weights of ``model`` into the average. Call it after each step of the optimizer."""
        decay = self._decay_at(self.step)
        for name, value in model.state_dict().items():
            if name in self._constant:
                self.state_dict[name] = value
            else:
                self.state_dict[name] = decay * self.state_dict[name] + (1 - decay) * value.astype("float32")
        self.share_of_start *= decay
        self.step += 1

    @paddle.no_grad()
    def apply(self) -> dict[str, paddle.Tensor]:
        """The averaged weights as a state dict of the network, in its types. The average itself does not change.

        Raises:
            ValueError: there was no :meth:`update` yet.
        """
        if not self.step:
            raise ValueError("there is no average of the weights before the first training step.")
        return {
            name: value.clone() if name in self._constant else self._result_of(name).astype(self._types[name])
            for name, value in self.state_dict.items()
        }

    def _result_of(self, name: str) -> paddle.Tensor:
        average = self.state_dict[name] / self._divisor()
        if self.start_weights is None or not self.start_share:
            return average
        return (1 - self.start_share) * average + self.start_share * self.start_weights[name].astype("float32")

    def _divisor(self) -> float:
        if not self._has_one_rule:
            return 1 - self.share_of_start
        return 1.0 if self.ema_decay_type == "exponential" else 1 - self._decay_at(self.step - 1) ** self.step

    def describe(self) -> dict[str, Any]:
        """What a ``.pdema`` file holds of the average."""
        start = {} if self.start_weights is None else {"start_weights": self.start_weights}
        return {
            "ema_state": self.state_dict,
            "step": self.step,
            "share_of_start": self.share_of_start,
            "constant": sorted(self._constant),
            **start,
        }

    def set_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on from what :meth:`describe` said of an average, perhaps of other keys.

        PaddleOCR and older versions save ``ema_state`` and ``step`` alone. Then the keys are taken for the same.

        Raises:
            ValueError: it is not of this network.
        """
        state, start, step = dict(saved["ema_state"]), saved.get("start_weights"), saved["step"]
        own = _list_shapes(self.state_dict)
        if any(_list_shapes(each) != own for each in (state, start or state)) or type(step) is not int or step < 0:
            raise ValueError("its average is not of this network")
        of_present_keys = math.prod((self._decay_at(each) for each in range(step)), start=1.0)
        share_of_start = saved.get("share_of_start", of_present_keys)
        if not (isinstance(share_of_start, float) and (0 <= share_of_start < 1 or step == 0)):
            raise ValueError(f"share_of_start is {share_of_start!r}")
        self.state_dict, self.step, self.share_of_start, self.start_weights = state, step, share_of_start, start
        self._has_one_rule = math.isclose(share_of_start, of_present_keys, rel_tol=1e-9, abs_tol=1e-300)
        for name in set(saved.get("constant", ())) - self._constant:  # an average that begins at the saved value
            state[name] = state[name].astype("float32") * self._divisor()


def _list_shapes(state: dict[str, paddle.Tensor]) -> dict[str, list[int]]:
    return {name: list(value.shape) for name, value in state.items()}


def _constant_names(model: paddle.nn.Layer, without_no_grad: bool) -> set[str]:
    """Names in the state dict of ``model`` that are not averaged.

    Args:
        without_no_grad: also name the parameters that do not learn, except for the statistics of a BatchNorm.
    """
    model.train()  # as in a training step: only what is frozen stays in evaluation mode
    names = set()
    for prefix, layer in model.named_sublayers(include_self=True):
        is_frozen = not layer.training or getattr(layer, "_use_global_stats", False)
        statistics = {"_mean", "_variance"} if isinstance(layer, BATCH_NORMS) else set()
        parameters = {name for name, _ in layer.named_parameters(include_sublayers=False)} - statistics
        for name, value in layer.state_dict(include_sublayers=False).items():
            whole_name = f"{prefix}.{name}".lstrip(".")
            is_constant = not value.is_floating_point() or whole_name.endswith(CENTERS)
            left_out = without_no_grad and name in parameters
            if is_constant or (value.stop_gradient and (is_frozen or left_out)):
                names.add(whole_name)
    return names


@contextlib.contextmanager
def average_weights(given: dict[str, Any], loop: dict[str, Any]) -> Iterator[None]:
    """A context of the training loop that keeps an average of the weights if ``Global.use_ema`` is true.

    A training that goes on without an average goes on from the training weights, for which the optimizer has its
    moments. See :func:`.loop.surround` for the arguments.
    """
    settings, model, logger = given["config"]["Global"], given["model"], given["logger"]
    checkpoint = settings.get("checkpoints")
    if not settings.get("use_ema", False):
        if checkpoint:
            _leave_average(model, without_suffix(checkpoint), logger)
        yield
        return
    average = given.get("ema")
    if average is not None:  # PaddleOCR has made and restored it, and its loop would save less of it
        given["ema"] = None
    else:
        average = WeightAverage(model, **{argument: settings[key] for key, argument in KEYS.items() if key in settings})
        logger.info(f"EMA enabled: decay={average.decay}, type={average.ema_decay_type}")
        if checkpoint:
            _resume(average, model, without_suffix(checkpoint), logger)
    if settings.get(START_SHARE):
        if checkpoint and average.start_weights is None:
            raise UserError(
                f"Global.{START_SHARE} needs the weights that the training began from, and {checkpoint}{SUFFIX} holds"
                " none; leave the key out, and average with `ppocrv2 average` afterwards."
            )
        average.keep_start(model, settings[START_SHARE])
    with _average_in_loop(average, model, given["optimizer"], loop):
        yield


def _resume(average: WeightAverage, model: paddle.nn.Layer, checkpoint: str, logger: Any) -> None:
    file = records.find_file(checkpoint, SUFFIX)
    if file is None:
        logger.warning(
            f"EMA: {checkpoint} has no {SUFFIX}; the average starts again, from the weights of the checkpoint."
        )
        return
    with loading.naming(file):
        saved = paddle.load(str(file))
        average.set_state_dict(saved)
        _load_training_weights(model, saved, file)
    logger.info(f"EMA: goes on from step {average.step} of {file}")


def _leave_average(model: paddle.nn.Layer, checkpoint: str, logger: Any) -> None:
    """Give ``model`` the training weights if the checkpoint holds an average."""
    file = records.find_file(checkpoint, SUFFIX)
    if file is None:
        return
    with loading.naming(file):
        _load_training_weights(model, paddle.load(str(file)), file)
    logger.warning(
        f"EMA: {checkpoint} holds an average, and Global.use_ema is not true; the training goes on without one, from"
        f" the training weights in {file}."
    )


def _load_training_weights(model: paddle.nn.Layer, saved: dict[str, Any], file: Path) -> None:
    loading.require_match(loading.compare_parameters(saved["train_state"], model.state_dict()), minimum=1.0)
    pdparams.require_usable_values(saved["train_state"], file)
    model.set_state_dict(saved["train_state"])


@contextlib.contextmanager
def _average_in_loop(average: WeightAverage, model: paddle.nn.Layer, optimizer: Any, loop: dict) -> Iterator[None]:
    """Update ``average`` after each step, and let the functions that evaluate, export and save see the average.

    Args:
        loop: the global names of ``tools.program``, where the training loop looks these functions up.
    """
    clear_grad, save = optimizer.clear_grad, loop["save_model"]

    def clear_grad_and_update(*arguments: Any, **options: Any) -> None:
        # The loop calls it once after each step, with mixed precision too.
        clear_grad(*arguments, **options)
        average.update(model)

    @contextlib.contextmanager
    def averaged_weights() -> Iterator[dict]:
        training = {name: value.clone() for name, value in model.state_dict().items()}
        model.set_state_dict(average.apply())
        try:
            yield training
        finally:
            model.set_state_dict(training)

    def on_average(function: Callable) -> Callable:
        @functools.wraps(function)
        def call(*arguments: Any, **options: Any) -> Any:
            with averaged_weights():
                return function(*arguments, **options)

        return call

    @functools.wraps(save)
    def save_model(*arguments: Any, **options: Any) -> None:
        with averaged_weights() as training:
            save(*arguments, **options)
        given = inspect.signature(save).bind(*arguments, **options).arguments
        folder, prefix = Path(given["model_path"]), given.get("prefix", "ppocr")
        files = [folder / f"{prefix}{SUFFIX}"]
        if prefix == "best_accuracy":  # PaddleOCR saves it under a second name too
            files.append(folder / "best_model" / f"model{SUFFIX}")
        for file in files:
            with atomic_write(file) as part:
                paddle.save({"train_state": training, **average.describe()}, str(part))

    functions = {name: on_average(loop[name]) for name in ("eval", "export") if name in loop}
    optimizer.clear_grad = clear_grad_and_update
    try:
        with replace_names(loop, {**functions, "save_model": save_model}):
            yield
    finally:
        optimizer.clear_grad = clear_grad
