"""A weighted sum of losses; stands in for ``ppocr/losses/combined_loss.py``.

A term is looked up in :data:`TERMS` and among the attributes of this module, which is where plugins put theirs.
"""

from __future__ import annotations

import paddle
from paddle import nn

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.terms import COUNTS

from ..component import build_component, with_attributes
from .rec_ctc_loss import CTCLoss

TERMS = {"CTCLoss": CTCLoss}


class CombinedLoss(nn.Layer):
    """The weighted sum of several losses, which are logged one by one.

    Args:
        loss_config_list: One mapping per term: ``{name: {"weight": number, option: value, ...}}``; not modified.
    """

    def __init__(self, loss_config_list: list[dict] | None = None):
        super().__init__()
        if not isinstance(loss_config_list, list) or not loss_config_list:
            raise UserError(f"`Loss.loss_config_list` must be a list of losses, got {loss_config_list!r}.")
        table = with_attributes(TERMS, globals())
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
            self.terms.append(build_component("loss", table, {**options, "name": name}))

    def forward(self, predicts: object, batch: list[paddle.Tensor]) -> dict[str, paddle.Tensor]:
        """predicts and batch: what the terms take.

        Returns:
            ``loss``, the weighted sum; the weighted loss of each term under the name of the term; and what else a term
            reports, under the key that the term gave it: weighted too, except what it counts.
        Raises:
            ValueError: the ``loss`` of a term is not a scalar.
        """
        report, total = {}, 0
        for name, weight, term in zip(self.names, self.weights, self.terms):
            reported = term(predicts, batch)
            result = {key: value if key in COUNTS else value * weight for key, value in reported.items()}
            loss = result.pop("loss")
            if loss.size != 1:
                raise ValueError(f"loss {name!r} must return a scalar, got shape {tuple(loss.shape)}.")
            total = total + loss.reshape([])
            for key, value in [(name, loss), *result.items()]:
                report[f"{name}.{key}" if key in report else key] = value
        return {"loss": total, **report}
