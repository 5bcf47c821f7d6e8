"""Enhanced U-DML for text lines (PP-OCRv2, arXiv:2109.03144, 3.2): two networks of one structure teach each other."""

from paddle import nn

from ...config.numbers import non_negative, positive
from ...errors import UserError
from ...registry import LOSSES
from ..ctc.frames import in_float32
from ..ctc.losses import ctc_losses, mean_where
from ..terms import logits_of, output_of, weighted_sum
from .mutual import mutual_kl, mutual_kl_detached


def feature_distance(a, b):
    """Mean squared difference of two feature maps.

    Args:
        a, b: any shape, the same; both receive gradient. Half precision is computed in float32.
    Returns:
        Scalar >= 0, in squared units of the features, per element. 0 iff the maps are equal.
    """
    if list(a.shape) != list(b.shape):
        raise ValueError(f"`b` must have the shape of `a`, {tuple(a.shape)}, got {tuple(b.shape)}.")
    return (in_float32(a) - in_float32(b)).square().mean()


@LOSSES.register
class UDMLLoss(nn.Layer):
    """CTC of both networks, the distance of their feature maps, and their mutual divergence.

    .. math:: L = ctc_weight (CTC_1 + CTC_2) + feature_weight L2(map_1, map_2) + mutual_weight KL(logits_1, logits_2)

    CTC in nats per line, L2 in squared feature units per element, KL in nats per frame: all means, so that no term
    depends on the batch size. Published with every weight 1, where the KL of PaddleOCR is T = W / 4 times ours.
    The terms are logged unweighted as ctc_<name>, feature and mutual; a weight of 0 leaves a term out.

    Args:
        pair: The names of two networks in ``Architecture.Models``, each with ``return_all_feats: true``.
        ctc_weight, feature_weight, mutual_weight: >= 0, not all 0; the last two are alpha and beta of the paper.
        temperature: Of the mutual term, > 0.
        detach_targets: In the mutual term, each network is a constant target for the other.
        feature_key, head_key: Which outputs are compared.
    """

    def __init__(
        self,
        pair=("Student", "Teacher"),
        ctc_weight=1.0,
        feature_weight=1.0,
        mutual_weight=1.0,
        temperature=1.0,
        detach_targets=False,
        feature_key="backbone_out",
        head_key="head_out",
    ):
        super().__init__()
        named = isinstance(pair, (list, tuple)) and all(isinstance(name, str) for name in pair)
        if not named or len(pair) != 2 or pair[0] == pair[1]:
            raise ValueError(f"`pair` must be the names of two different networks, got {pair!r}.")
        self.pair = tuple(pair)
        self.ctc_weight = non_negative(ctc_weight, "ctc_weight")
        self.feature_weight = non_negative(feature_weight, "feature_weight")
        self.mutual_weight = non_negative(mutual_weight, "mutual_weight")
        if not (ctc_weight or feature_weight or mutual_weight):
            raise ValueError("one of `ctc_weight`, `feature_weight`, `mutual_weight` must be above 0.")
        self.temperature = positive(temperature, "temperature")
        self.mutual = mutual_kl_detached if detach_targets else mutual_kl
        self.feature_key, self.head_key = feature_key, head_key

    def forward(self, predicts, batch):
        """predicts: {network: {head_key: logits (B, T, C) or a tuple that ends in them, feature_key: (B, ...)}}

        Args:
            batch: [images, labels (B, L), lengths (B,)].
        Returns:
            {"loss": scalar, each term, "infeasible": lines of the batch whose label is too long for the frames}
        """
        logits = self._alike(self.head_key, [logits_of(output_of(predicts, name, self.head_key)) for name in self.pair])
        terms, counts = {}, {}
        if self.ctc_weight:
            for name, each in zip(self.pair, logits):
                losses, fits = ctc_losses(each, batch[1], batch[2])
                terms[f"ctc_{name}"] = self.ctc_weight, mean_where(losses, fits)
            counts["infeasible"] = (~fits).astype("float32").sum()
        if self.feature_weight:
            maps = self._alike(self.feature_key, [output_of(predicts, name, self.feature_key) for name in self.pair])
            terms["feature"] = self.feature_weight, feature_distance(*maps)
        if self.mutual_weight:
            terms["mutual"] = self.mutual_weight, self.mutual(*logits, self.temperature)
        return {**weighted_sum(terms), **counts}

    def _alike(self, key, outputs):
        shapes = [tuple(output.shape) for output in outputs]
        if shapes[0] != shapes[1]:
            raise UserError(
                f"UDMLLoss compares {key!r} of {self.pair[0]} and {self.pair[1]}, but the one is {shapes[0]} and the"
                f" other {shapes[1]}: give both the same Backbone, Neck and Head in Architecture.Models."
            )
        return outputs
