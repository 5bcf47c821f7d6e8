"""Warn of a loss of 0 from which nothing is learned, while a network trains.

CTC cannot write a text into fewer frames than it has characters, and blanks between equal ones. Paddle's gives such a
text a loss of 0 and no gradient; ours leaves it out of the mean. So a training whose lines are too narrow looks perfect
and learns nothing. ``ppocrv2 check`` finds such texts in the label files. Here they are found in the batches as well,
where transforms have made texts longer, or where the data set is of a kind that is not checked.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

import paddle
from paddle import nn

from ...data.label_rules import is_read_by_ctc
from ...data.line_frames import suggest_width
from ..networks.frame_count import find_frames, measure_frames

# Names of terms of CTC here and in PaddleOCR. Others with "ctc" in them may begin with 0: some compare networks, which
# may start alike, and a center loss has no centers before the first step.
IS_CTC = re.compile(r"(loss_|focal_)?ctc(?!_logits|center)", re.IGNORECASE)


class ZeroLossWatch:
    """Names a loss of 0 in the first step, and the first batch with texts that need too many frames.

    The device is read once, in the first step: the frames that a text needs come with the batch
    (:class:`..samples.loader.Batch`).

    Args:
        config: of the training.
        log: takes a sentence.
    """

    def __init__(self, config: Mapping[str, Any], log: Callable[[str], Any]):
        self._config, self._log = config, log
        self._reads_text = is_read_by_ctc(config["Train"]["dataset"])
        self._is_first, self._texts, self._lost = True, 0, 0

    def watch(self, loss: nn.Layer) -> None:
        """Look at everything that ``loss`` computes from now on."""
        forward = loss.forward

        @functools.wraps(forward)
        def watched(predicts: Any, batch: Any) -> dict[str, Any]:
            terms = forward(predicts, batch)
            sentence = self._look_at_texts(predicts, batch) if self._reads_text else ""
            if not sentence and self._is_first:
                sentence = explain_zero(terms)
            self._is_first = False
            if sentence:
                self._log(sentence)
            return terms

        loss.forward = watched

    def end(self) -> None:
        """Say how many texts were lost in all, if any were."""
        if self._lost:
            self._log(
                f"CTC learned nothing from {self._lost} of the {self._texts} texts that this process read: they need"
                " more frames than the network makes of their lines."
            )

    def _look_at_texts(self, predicts: Any, batch: Any) -> str:
        """The sentence about the first batch with texts that need too many frames; "" for any other."""
        needed, frames = getattr(batch, "frames_needed", ()), find_frames(predicts)
        if frames is None or not needed:
            return ""
        before, lost = self._lost, sum(each > frames for each in needed)
        self._lost, self._texts = before + lost, self._texts + len(needed)
        if before or not lost:
            return ""
        return (
            f"{lost} of the {len(needed)} texts in a batch need more than the {frames} frames"
            f" that the network makes of {batch[0].shape[-1]} pixels, up to {max(needed)}: CTC gives them a loss of 0"
            f" and learns nothing from them; {self._advise(max(needed))}."
        )

    def _advise(self, needed: int) -> str:
        measured = measure_frames(self._config, ("Train",))[0].get("Train")
        if measured is None or measured.number >= needed:  # in a batch that is narrower than the widest
            return "make the lines wider, or leave such texts out"
        return suggest_width(measured, needed)


def explain_zero(terms: Mapping[str, Any]) -> str:
    """The sentence for a loss, or a term of CTC, that is exactly 0; "" if there is none. It reads the device."""
    values = {name: float(value) for name, value in terms.items() if paddle.is_tensor(value) and value.size == 1}
    zero = [name for name, value in values.items() if value == 0 and (name == "loss" or IS_CTC.match(name))]
    if not zero:
        return ""
    return (
        f"{zero[0]} is exactly 0 in the first step, but an untrained network has a loss above 0, so the network"
        " learns nothing from it: see that the labels are not empty, that Train resizes lines to the width that their"
        " texts need, and that no weight in the section Loss is 0."
    )
