"""Several networks of the host's kind in one model, for PaddleOCR's `Architecture: {name: CollaborativeModel}`."""

from ..checkpoints.paths import with_suffix
from ..config.names import MEMBER_OPTIONS
from ..errors import UserError
from ..plugins.distillation import DistillationNetworks, perturb
from ..registry import ARCHITECTURES


@ARCHITECTURES.register
class CollaborativeModel(DistillationNetworks):
    """PaddleOCR's DistillationModel with the same ``Models``, in which a network with ``freeze_params`` stays frozen.

    A ``pretrained`` file may be missing for evaluation and export, and when a checkpoint brings the network; training
    without it is an error. ``perturbation: 0.1`` adds noise to a network once its file is loaded (:func:`perturb`), so
    that two from one file differ; training two that do not is an error, whatever their losses.
    """

    def __init__(self, config):
        # Bound when a model is built, not when this is imported: by then the host is connected, its loader ours.
        from ppocr.modeling.architectures.base_model import BaseModel
        from ppocr.utils import save_load

        networks, awaited = {}, {}
        for name, section in config["Models"].items():
            networks[name] = BaseModel({key: value for key, value in section.items() if key not in MEMBER_OPTIONS})
            path = section.get("pretrained")
            if path and (str(path).startswith("http") or with_suffix(path).is_file()):
                save_load.load_pretrained_params(networks[name], path)
            elif path:
                awaited[name] = path
            if section.get("perturbation") is not None:
                perturb(networks[name], section["perturbation"])
        super().__init__(networks, [name for name, section in config["Models"].items() if section.get("freeze_params")])
        self.awaited = awaited
        self.started = False

    def set_state_dict(self, state_dict, *rest, **named):
        """As in any Layer; a network that ``state_dict`` holds whole no longer waits for its ``pretrained`` file."""
        for name in list(self.awaited):
            if all(f"{name}.{key}" in state_dict for key in getattr(self, name).state_dict()):
                del self.awaited[name]
        return super().set_state_dict(state_dict, *rest, **named)

    def forward(self, x, data=None):
        """x: (B, 3, H, W) images; data: labels, for heads that want them. Returns {name: output}."""
        if self.training and not self.started:
            self._require_a_start()
            self.started = True
        return super().forward(x, data)

    def _require_a_start(self):
        """At the first step, since a checkpoint may come after the model is built."""
        if self.awaited:
            name, path = next(iter(self.awaited.items()))
            raise UserError(
                f"Architecture.Models.{name}.pretrained: there is no file {with_suffix(path)}, and no checkpoint held"
                f" the weights; name another file, or leave it empty to start {name} from scratch."
            )
        same = self.identical_networks()
        if same:
            raise UserError(
                f"{same[0]} and {same[1]} hold the same weights: with the same loss they would stay alike, and"
                f" neither could teach the other; set Architecture.Models.{same[1]}.perturbation, such as 0.02, or"
                " `freeze_params: true` for a teacher."
            )
