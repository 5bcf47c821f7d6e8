"""Exactly read lines and edit distance; stands in for ``RecMetric`` of ``ppocr/metrics/rec_metric.py``."""

import string

from rapidfuzz.distance import Levenshtein

EPS = 1e-5  # stock's, so that values agree to the last digit
ALPHANUMERIC = frozenset(string.digits + string.ascii_letters)


class RecMetric:
    """``acc``, the share of lines read exactly, and ``norm_edit_dis``, 1 - edits / longer length, both in [0, 1].

    Args:
        main_indicator: "acc" or "norm_edit_dis".
        is_filter: Compare only the letters and digits of ASCII, regardless of case.
        ignore_space: Compare without spaces.
    """

    def __init__(self, main_indicator="acc", is_filter=False, ignore_space=True):
        self.main_indicator = main_indicator
        self.is_filter = is_filter
        self.ignore_space = ignore_space
        self.reset()

    def _normalized(self, text):
        if self.ignore_space:
            text = text.replace(" ", "")
        return "".join(c for c in text if c in ALPHANUMERIC).lower() if self.is_filter else text

    def __call__(self, pred_label, batch=None):
        """pred_label: (predictions, labels), each a list of (text, score). Returns the batch's own values."""
        pairs = [(self._normalized(pred), self._normalized(label)) for (pred, _), (label, _) in zip(*pred_label)]
        right = sum(pred == label for pred, label in pairs)
        edits = sum(Levenshtein.normalized_distance(pred, label) for pred, label in pairs)
        self.right += right
        self.edits += edits
        self.count += len(pairs)
        return self._values(right, edits, len(pairs))

    @staticmethod
    def _values(right, edits, count):
        return {"acc": right / (count + EPS), "norm_edit_dis": 1 - edits / (count + EPS)}

    def get_metric(self):
        values = self._values(self.right, self.edits, self.count)
        self.reset()
        return values

    def reset(self):
        self.right = self.count = 0
        self.edits = 0.0
