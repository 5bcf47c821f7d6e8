"""Several networks on one image, some of them frozen: what PaddleOCR calls a distillation model, as a pure Layer."""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any, Optional

import paddle
from paddle import nn

from ..arguments import positive
from ..errors import UserError, did_you_mean


@paddle.no_grad()
def perturb(network: nn.Layer, amount: float) -> None:
    """Add noise to the weights of ``network``, in place, so that two networks from one file can teach each other.

    .. math:: w <- w + amount std(w) N(0, 1),  for every trainable tensor of two or more dimensions

    Without noise two equal networks get equal gradients and stay equal. Biases and BatchNorm are not changed. The noise
    comes from Paddle's generator, which ``Global.seed`` sets.

    Args:
        network: any layer.
        amount: > 0, in standard deviations of each tensor.
    Raises:
        ValueError: ``amount`` is not a number > 0.
    """
    positive(amount, "perturbation")
    for parameter in network.parameters():
        if parameter.trainable and parameter.ndim > 1:
            parameter.add_(amount * parameter.std() * paddle.randn(parameter.shape, parameter.dtype))


class DistillationNetworks(nn.Layer):
    """Networks side by side, some of them frozen.

    A frozen network gets no gradient, drops nothing and keeps its BatchNorm on running statistics. Its weights and
    buffers are bit-equal after training; ``set_state_dict`` still loads them. Each network is a sub-layer under its
    name, so the keys of the state dict begin with that name: ``Student.backbone...``.

    Args:
        networks: {name: layer}, in the order of the outputs.
        frozen: names of the networks that do not learn. At least one network must learn.
    Raises:
        UserError: an unknown name, a name that a Layer uses itself, or no network that learns.
    """

    def __init__(self, networks: Mapping[str, nn.Layer], frozen: Iterable[str] = ()) -> None:
        super().__init__()
        self.model_name_list = list(networks)
        self.frozen = list(frozen)
        for name in self.frozen:
            if name not in networks:
                raise UserError(f"there is no network {name!r} to freeze{did_you_mean(name, networks)}")
        if len(set(self.frozen)) == len(networks):
            raise UserError(f"at least one network must learn, but all of {self.model_name_list} are frozen.")
        for name, network in networks.items():
            if not isinstance(name, str) or not name.isidentifier() or name in dir(self):
                raise UserError(f"a network must have a name such as Student that a Layer does not use, got {name!r}.")
            self.add_sublayer(name, network)
        for name in self.frozen:
            for parameter in getattr(self, name).parameters():
                # PaddleOCR's optimizers look at `trainable`. Setting it sets `stop_gradient` too.
                parameter.trainable = False
        self._keep_frozen()

    @property
    def model_list(self) -> list:
        """The networks in the order of ``model_name_list``.

        They are looked up at every call, because the conversion to SyncBatchNorm replaces sub-layers.
        """
        return [getattr(self, name) for name in self.model_name_list]

    def identical_networks(self) -> Optional[tuple]:
        """The names of two learning networks with the same weights and no dropout; None if there are no such two.

        With the same loss such networks get the same gradient at every step. They stay equal, and neither can teach
        the other.
        """
        learners = [name for name in self.model_name_list if name not in self.frozen]
        for first, second in itertools.combinations(learners, 2):
            pair = getattr(self, first), getattr(self, second)
            if _have_equal_states(*pair) and not any(map(_has_dropout, pair)):
                return first, second
        return None

    def has_equal(self, name: str) -> bool:
        """Whether another network that learns has the weights of the network ``name``."""
        others = [other for other in self.model_name_list if other not in (name, *self.frozen)]
        return any(_have_equal_states(getattr(self, name), getattr(self, other)) for other in others)

    def _keep_frozen(self) -> None:
        # Not eval(): that would tell the whole process that nothing trains.
        for name in self.frozen:
            for layer in getattr(self, name).sublayers(include_self=True):
                layer.training = False

    def train(self, mode: bool = True) -> "DistillationNetworks":
        """Set the mode of the networks that learn, as in any Layer. Frozen networks stay in evaluation mode."""
        super().train() if mode else self.eval()
        self._keep_frozen()
        return self

    def forward(self, x: Any, data: Any = None) -> dict:
        """Run every network on the same input.

        Args:
            x: what every network takes, for example images (B, 3, H, W).
            data: labels, for heads that want them.
        Returns:
            {name: output}. The output of a frozen network carries no gradient.
        """
        self._keep_frozen()  # again: a layer around this one, such as DataParallel, sets `training` without train()
        outputs = {}
        for name, network in zip(self.model_name_list, self.model_list):
            with paddle.set_grad_enabled(paddle.is_grad_enabled() and name not in self.frozen):
                outputs[name] = network(x) if data is None else network(x, data)
        return outputs


def _has_dropout(network: nn.Layer) -> bool:
    """Whether dropout makes two calls of ``network`` in training differ."""
    return any(isinstance(layer, nn.Dropout) and layer.p > 0 for layer in network.sublayers())


def _have_equal_states(a: nn.Layer, b: nn.Layer) -> bool:
    """Whether two networks have the same names, shapes and values in their state dicts."""
    one, other = a.state_dict(), b.state_dict()
    return one.keys() == other.keys() and all(
        one[name].shape == other[name].shape and bool((one[name] == other[name]).all()) for name in one
    )
