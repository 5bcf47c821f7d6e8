"""Enhanced U-DML for text lines (PP-OCRv2, arXiv:2109.03144): two networks of one structure teach each other.

Shape legend: B lines, T frames, C classes, L the longest label.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from paddle import Tensor, nn

from ...arguments import non_negative, positive
from ...errors import UserError
from ...registry import LOSSES
from ..ctc.frames import to_float32
from ..ctc.losses import ctc_losses, mean_where
from ..terms import choose, logits_of, output_of, weighted_sum
from .mutual import mutual_kl, mutual_kl_detached

MUTUAL_MEANS = {"lines": True, "frames": False}  # whether the divergences of a line's frames are summed


def feature_distance(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared difference of two feature maps.

    Args:
        a, b: any shape, the same for both. Both receive gradient. Half precision is computed in float32.
    Returns:
        Scalar >= 0, in squared units of the features, per element. 0 iff the maps are equal.
    Raises:
        ValueError: the shapes differ.
    """
    if list(a.shape) != list(b.shape):
        raise ValueError(f"`b` must have the shape of `a`, {tuple(a.shape)}, got {tuple(b.shape)}.")
    return (to_float32(a) - to_float32(b)).square().mean()


@LOSSES.register
class UDMLLoss(nn.Layer):
    """CTC of both networks, the distance of their feature maps, and their mutual divergence.

    .. math:: L = ctc_weight (CTC_1 + CTC_2) + feature_weight L2(map_1, map_2) + mutual_weight KL(logits_1, logits_2)

    CTC is in nats per line, L2 in squared feature units per element, KL in nats per line. All are means, so no term
    depends on the batch size. The paper has every weight at 1. So has the recipe that PaddleOCR published with it
    (commit cc24646a), whose KL is summed over the frames of a line: the default here has that strength. The log shows
    the unweighted terms as ctc_<name>, feature and mutual. A term of weight 0 is left out.

    Args:
        pair: names of two networks in ``Architecture.Models``, each with ``return_all_feats: true``. Both
            learn: a frozen network gives no logits.
        ctc_weight, feature_weight, mutual_weight: >= 0, not all 0. The last two are alpha and beta of the paper.
        temperature: of the mutual term, > 0.
        detach_targets: each network is a constant target for the other in the mutual term.
        mutual_mean_over: "lines", as published: the divergences of a line's frames are summed, as CTC sums over them;
            or "frames": their mean, which is T = W / 4 times smaller and does not depend on the width.
        feature_key: the output whose distance is measured.
        head_key: the output that holds the logits.
    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        pair: Sequence[str] = ("Student", "Teacher"),
        ctc_weight: float = 1.0,
        feature_weight: float = 1.0,
        mutual_weight: float = 1.0,
        temperature: float = 1.0,
        detach_targets: bool = False,
        feature_key: str = "backbone_out",
        head_key: str = "head_out",
        mutual_mean_over: str = "lines",
    ) -> None:
        super().__init__()
        are_names = isinstance(pair, (list, tuple)) and all(isinstance(name, str) for name in pair)
        if not are_names or len(pair) != 2 or pair[0] == pair[1]:
            raise ValueError(f"`pair` must be the names of two different networks, got {pair!r}.")
        self.pair = tuple(pair)
        self.ctc_weight = non_negative(ctc_weight, "ctc_weight")
        self.feature_weight = non_negative(feature_weight, "feature_weight")
        self.mutual_weight = non_negative(mutual_weight, "mutual_weight")
        if not (ctc_weight or feature_weight or mutual_weight):
            raise ValueError("one of `ctc_weight`, `feature_weight`, `mutual_weight` must be above 0.")
        self.temperature = positive(temperature, "temperature")
        self.mutual = mutual_kl_detached if detach_targets else mutual_kl
        self.sum_over_frames = choose(mutual_mean_over, "mutual_mean_over", MUTUAL_MEANS)
        self.feature_key, self.head_key = feature_key, head_key

    def forward(self, predicts: dict[str, Any], batch: Sequence[Any]) -> dict[str, Tensor]:
        """The loss of one batch.

        Args:
            predicts: {network: {head_key: logits (B, T, C) or a tuple that ends in them, feature_key: (B, ...)}}.
            batch: [images, labels (B, L), lengths (B,)].
        Returns:
            {"loss": scalar, each term by its name, "infeasible": how many labels of the batch are too long for their
            frames}. The CombinedLoss of a clone of PaddleOCR multiplies all of it by the weight of this loss; ours
            leaves the number of labels as it is.
        Raises:
            UserError: a network or an output is missing, or the two networks return different shapes.
        """
        logits = [logits_of(output_of(predicts, name, self.head_key)) for name in self.pair]
        self._require_same_shape(self.head_key, logits)
        terms, counts = {}, {}
        if self.ctc_weight:
            for name, network_logits in zip(self.pair, logits):
                losses, fits = ctc_losses(network_logits, batch[1], batch[2])
                terms[f"ctc_{name}"] = self.ctc_weight, mean_where(losses, fits)
            counts["infeasible"] = (~fits).astype("float32").sum()
        if self.feature_weight:
            features = [output_of(predicts, name, self.feature_key) for name in self.pair]
            self._require_same_shape(self.feature_key, features)
            terms["feature"] = self.feature_weight, feature_distance(*features)
        if self.mutual_weight:
            first, second = logits
            per_frame = self.mutual(first, second, self.temperature)
            terms["mutual"] = self.mutual_weight, per_frame * first.shape[1] if self.sum_over_frames else per_frame
        return {**weighted_sum(terms), **counts}

    def _require_same_shape(self, key: str, outputs: Sequence[Tensor]) -> None:
        shapes = [tuple(output.shape) for output in outputs]
        if shapes[0] != shapes[1]:
            raise UserError(
                f"UDMLLoss compares {key!r} of {self.pair[0]} and {self.pair[1]}, but the first is {shapes[0]} and the"
                f" second {shapes[1]}: give both the same Backbone, Neck and Head in Architecture.Models."
            )
