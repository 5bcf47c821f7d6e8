"""Several networks in one model, each built by PaddleOCR: ``Architecture: {name: CollaborativeModel}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import paddle

from ...checkpoints.paths import with_suffix
from ...config.names import MEMBER_OPTIONS
from ...config.networks import name_section
from ...errors import UserError
from ...plugins.distillation import DistillationNetworks, perturb
from ...registry import ARCHITECTURES
from .merging import merge
from .save_load import LEAST_MATCHED


@ARCHITECTURES.register
class CollaborativeModel(DistillationNetworks):
    """PaddleOCR's DistillationModel, with the same ``Models``. A network with ``freeze_params`` really stays frozen.

    A network's ``pretrained`` file may be missing in evaluation, in export, and if a checkpoint holds the network.
    Training without it is an error.

    A network may be ``merged``, with ``restore_norm`` (:mod:`.merging`), which happens before its file is loaded.

    ``pretrained_min_matched`` is the share of a network's tensors that its file must hold [0.9].

    ``perturbation: 0.1`` adds noise to a network after its file is loaded (:func:`perturb`), so that two networks from
    one file differ. Training two equal networks is an error, whatever their losses. Networks of a whole model,
    ``Global.pretrained_model``, get noise only if they are equal there (:meth:`perturb_equal_networks`).

    Args:
        config: the section ``Architecture``.
    """

    def __init__(self, config: dict):
        # Imported when a model is built: by then PaddleOCR is connected, and its loader is ours.
        from ppocr.modeling.architectures.base_model import BaseModel
        from ppocr.utils import save_load

        networks, missing_files, noise = {}, {}, {}
        for name, section in config["Models"].items():
            networks[name] = BaseModel({key: value for key, value in section.items() if key not in MEMBER_OPTIONS})
            merge(networks[name], section, name_section(name))
            path = section.get("pretrained")
            if path and (str(path).startswith("http") or with_suffix(path).is_file()):
                minimum = section.get("pretrained_min_matched", LEAST_MATCHED)
                save_load.load_pretrained_params(networks[name], path, minimum)
            elif path:
                missing_files[name] = path
            if section.get("perturbation") is not None:
                noise[name] = section["perturbation"]
                perturb(networks[name], noise[name])
        super().__init__(networks, [name for name, section in config["Models"].items() if section.get("freeze_params")])
        self._missing_files: dict[str, str] = missing_files  # network: its `pretrained`
        self._noise: dict[str, float] = noise  # network: its `perturbation`
        self._start_is_checked = False

    def perturb_equal_networks(self) -> list[str]:
        """Add noise again to the networks with ``perturbation`` that loaded weights have made equal to another one.

        Returns:
            Their names.
        """
        changed = []
        for name, amount in self._noise.items():
            if self.has_equal(name):
                perturb(getattr(self, name), amount)
                changed.append(name)
        return changed

    def set_state_dict(self, state_dict: Mapping[str, Any], *rest: Any, **options: Any) -> Any:
        """As in any Layer. A network whose every tensor is in ``state_dict`` needs its ``pretrained`` no more."""
        for name in list(self._missing_files):
            if all(f"{name}.{key}" in state_dict for key in getattr(self, name).state_dict()):
                del self._missing_files[name]
        return super().set_state_dict(state_dict, *rest, **options)

    def forward(self, x: paddle.Tensor, data: Any = None) -> dict[str, Any]:
        """Run every network.

        Args:
            x: (B, 3, H, W) images.
            data: labels, for heads that want them.
        Returns:
            {name: output of the network}
        Raises:
            UserError: at the first training step, a ``pretrained`` is missing or two networks are equal.
        """
        if self.training and not self._start_is_checked:
            self._check_start()
            self._start_is_checked = True
        return super().forward(x, data)

    def _check_start(self) -> None:
        # Not when the model is built: a checkpoint may be loaded after that.
        if self._missing_files:
            name, path = next(iter(self._missing_files.items()))
            raise UserError(
                f"Architecture.Models.{name}.pretrained: there is no file {with_suffix(path)}, and no checkpoint held"
                f" the weights; name another file, or leave it empty to start {name} from scratch."
            )
        equal = self.identical_networks()
        if equal:
            raise UserError(
                f"{equal[0]} and {equal[1]} hold the same weights: with the same loss they would stay alike, and"
                f" neither could teach the other; set Architecture.Models.{equal[1]}.perturbation, such as 0.02, or, if"
                " one of them is the teacher of CMLLoss, `freeze_params: true` in its section."
            )
