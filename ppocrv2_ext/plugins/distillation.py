"""Several networks on one image, some of them frozen: what PaddleOCR calls a distillation model, as a pure Layer."""

import itertools

import paddle
from paddle import nn

from ..config.numbers import positive
from ..errors import UserError, did_you_mean


@paddle.no_grad()
def perturb(network, amount):
    """Add noise to the weights of ``network``, in place, so that two networks from one file can teach each other.

    .. math:: w <- w + amount std(w) N(0, 1),  for every trainable tensor of two or more dimensions

    Two equal networks would get equal gradients and stay equal. Biases and BatchNorm stay as they are; chance comes
    from Paddle's generator (``Global.seed``).

    Args:
        amount: > 0, in standard deviations of each tensor.
    """
    positive(amount, "perturbation")
    for parameter in network.parameters():
        if parameter.trainable and parameter.ndim > 1:
            parameter.add_(amount * parameter.std() * paddle.randn(parameter.shape, parameter.dtype))


class DistillationNetworks(nn.Layer):
    """Networks side by side. A frozen one stays as it is: no gradient, no dropout, BatchNorm on running statistics.

    Each network is a sub-layer under its name, so keys of the state dict begin with it: ``Student.backbone...``.
    Weights and buffers of a frozen network are bit-equal after training; ``set_state_dict`` still loads them.

    Args:
        networks: {name: layer}, in the order of the outputs.
        frozen: Names of those that do not learn; not all of them.
    """

    def __init__(self, networks, frozen=()):
        super().__init__()
        self.model_name_list = list(networks)
        self.frozen = list(frozen)
        for name in self.frozen:
            if name not in networks:
                raise UserError(f"there is no network {name!r} to freeze{did_you_mean(name, networks)}")
        if len(set(self.frozen)) == len(networks):
            raise UserError(f"at least one network must learn, but of {self.model_name_list} all are frozen.")
        for name, network in networks.items():
            if not isinstance(name, str) or not name.isidentifier() or name in dir(self):
                raise UserError(f"a network must have a name such as Student that a Layer does not use, got {name!r}.")
            self.add_sublayer(name, network)
        for name in self.frozen:
            for parameter in getattr(self, name).parameters():
                parameter.trainable = False  # PaddleOCR's optimizers go by it; it sets stop_gradient too
        self._hold()

    @property
    def model_list(self):
        """The networks in the order of ``model_name_list``. Looked up: converting BatchNorm replaces sub-layers."""
        return [getattr(self, name) for name in self.model_name_list]

    def identical_networks(self):
        """Two learning networks with the same weights, and no dropout to part them; None if there are none.

        With the same loss they get the same gradient at every step and stay alike: neither can teach the other.
        """
        learning = [name for name in self.model_name_list if name not in self.frozen]
        for first, second in itertools.combinations(learning, 2):
            pair = getattr(self, first), getattr(self, second)
            if _alike(*pair) and not any(map(_draws, pair)):
                return first, second
        return None

    def _hold(self):
        # Not eval(): that would tell the whole process that nothing trains.
        for name in self.frozen:
            for layer in getattr(self, name).sublayers(include_self=True):
                layer.training = False

    def train(self, mode=True):
        """As in any Layer, for the networks that learn."""
        super().train() if mode else self.eval()
        self._hold()
        return self

    def forward(self, x, data=None):
        """x: what every network takes, for example images (B, 3, H, W); data: labels, for heads that want them.

        Returns:
            {name: output}; that of a frozen network holds no graph.
        """
        self._hold()  # again: a layer around this one, such as DataParallel, sets `training` without calling train()
        outputs = {}
        for name, network in zip(self.model_name_list, self.model_list):
            with paddle.set_grad_enabled(paddle.is_grad_enabled() and name not in self.frozen):
                outputs[name] = network(x) if data is None else network(x, data)
        return outputs


def _draws(network):
    """Whether two calls of ``network`` in training differ."""
    return any(isinstance(layer, nn.Dropout) and layer.p > 0 for layer in network.sublayers())


def _alike(a, b):
    ours, theirs = a.state_dict(), b.state_dict()
    return ours.keys() == theirs.keys() and all(
        ours[name].shape == theirs[name].shape and bool((ours[name] == theirs[name]).all()) for name in ours
    )
