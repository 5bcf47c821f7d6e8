"""A weighted sum of losses; stands in for ``ppocr/losses/combined_loss.py``.

Plugins are found in :data:`TERMS` or as attributes of this module, which is where stock looks them up.
"""

import paddle
from paddle import nn

from ppocrv2_ext.errors import UserError

from ..component import build_component, with_attributes
from .rec_ctc_loss import CTCLoss

TERMS = {"CTCLoss": CTCLoss}


class CombinedLoss(nn.Layer):
    """Each term is logged under its own name, the weighted sum under ``loss``.

    Args:
        loss_config_list: One mapping per term: ``{name: {"weight": number, option: value, ...}}``; not modified.
    """

    def __init__(self, loss_config_list=None):
        super().__init__()
        if not isinstance(loss_config_list, list) or not loss_config_list:
            raise UserError(f"`Loss.loss_config_list` must be a list of losses, got {loss_config_list!r}.")
        known = with_attributes(TERMS, globals())
        self.names, self.weights, self.terms = [], [], nn.LayerList()
        for entry in loss_config_list:
            if not isinstance(entry, dict) or len(entry) != 1:
                raise UserError(f"an entry of `Loss.loss_config_list` must be one `name: options` pair, got {entry!r}.")
            ((name, options),) = entry.items()
            if not isinstance(options, dict) or "weight" not in options:
                raise UserError(f"`Loss.loss_config_list`: {name} needs a `weight`, for example 1.0; got {options!r}.")
            options = {key: value for key, value in options.items() if key != "weight"}
            self.weights.append(entry[name]["weight"])
            self.names.append(name if name not in self.names else f"{name}_{len(self.names)}")
            self.terms.append(build_component("loss", known, {**options, "name": name}))

    def forward(self, predicts, batch):
        """predicts and batch: what each term takes.

        Returns:
            {term's name: its weighted loss; what else it reports, weighted, under its own key; "loss": the sum}
        """
        report, total = {}, 0
        for name, weight, term in zip(self.names, self.weights, self.terms):
            result = term(predicts, batch)
            if isinstance(result, paddle.Tensor):
                result = {"loss": result}
            result = {key: value * weight for key, value in result.items()}
            loss = result.pop("loss") if "loss" in result else sum(result.values())
            if loss.size != 1:
                raise ValueError(f"loss {name!r} must return a scalar, got shape {tuple(loss.shape)}.")
            total = total + loss.reshape([])
            for key, value in [(name, loss), *result.items()]:
                report[f"{name}.{key}" if key in report else key] = value
        return {"loss": total, **report}
