"""Center loss in PaddleOCR's MultiHead and MultiLoss, which train PP-OCRv3 to v6 with CTC and a second branch.

PaddleOCR knows the branches by fixed names. It builds those that it knows; ours takes the place of its branch for CTC::

    Architecture.Head: {name: MultiHead, head_list: [{CenterCTCHead: {Neck: {...}, Head: {...}}}, {NRTRHead: {...}}]}
    Loss: {name: MultiLoss, loss_config_list: [{CTCCenterLoss: {center_weight: 0.05}}, {NRTRLoss: }]}
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from paddle import Tensor, nn

from ...config.names import CENTER_HEAD, CENTER_LOSS
from ...config.networks import find_center_head
from ...registry import HEADS, LOSSES
from .construct import construct


def extend_multi_head(build_head: Callable) -> Callable:
    """PaddleOCR's ``build_head``, which also builds a MultiHead whose branch for CTC is a CenterCTCHead."""

    @functools.wraps(build_head)
    def build(config: dict) -> nn.Layer:
        found = find_center_head({"Head": config}) if config["name"] == "MultiHead" else None
        if found is None:
            return build_head(config)
        _, options = found
        classes = config["out_channels_list"]["CTCLabelDecode"]
        branches = [
            {name.replace(CENTER_HEAD, "CTCHead"): branch for name, branch in each.items()}
            for each in config["head_list"]
        ]
        head = build_head({**config, "head_list": branches})
        given = {**options, "in_channels": head.ctc_encoder.out_channels, "out_channels": classes}
        head.ctc_head = construct("head", HEADS[CENTER_HEAD], CENTER_HEAD, given)
        return head

    return build


def extend_multi_loss(build_loss: Callable) -> Callable:
    """PaddleOCR's ``build_loss``, which also builds a MultiLoss whose term for CTC is a CTCCenterLoss."""

    @functools.wraps(build_loss)
    def build(config: dict) -> nn.Layer:
        terms = config.get("loss_config_list") or ()
        options = next((term[CENTER_LOSS] or {} for term in terms if CENTER_LOSS in term), None)
        if config["name"] != "MultiLoss" or options is None:
            return build_loss(config)
        others = build_loss({**config, "loss_config_list": [term for term in terms if CENTER_LOSS not in term]})
        center = construct("loss", LOSSES[CENTER_LOSS], CENTER_LOSS, options)
        return CenterMultiLoss(center, others, config.get("weight_1", 1.0))

    return build


class CenterMultiLoss(nn.Layer):
    """CTCCenterLoss of the branch for CTC, and PaddleOCR's MultiLoss of the other branch.

    .. math:: L = weight (ctc_weight CTC + center_weight center) + the loss of the other branch

    Args:
        center: the CTCCenterLoss.
        others: the MultiLoss without a term for CTC.
        weight: ``Loss.weight_1``, by which PaddleOCR multiplies its term for CTC.
    """

    def __init__(self, center: nn.Layer, others: nn.Layer, weight: float) -> None:
        super().__init__()
        self.center, self.others, self.weight = center, others, weight

    def forward(self, predicts: dict[str, Any], batch: Sequence[Any]) -> dict[str, Tensor]:
        """The loss of one batch, and the update of the centers.

        Args:
            predicts: what a MultiHead returns in training.
            batch: [images, labels for CTC, labels of the other branch, lengths, ...].
        Returns:
            {"loss": scalar, what CTCCenterLoss logs, the term of the other branch by the name of its loss}
        """
        images, labels, _, lengths = batch[:4]
        report, others = self.center(predicts["ctc"], [images, labels, lengths]), self.others(predicts, batch)
        return {**report, **others, "loss": self.weight * report["loss"] + others["loss"]}
