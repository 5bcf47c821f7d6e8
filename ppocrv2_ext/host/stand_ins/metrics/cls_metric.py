"""Share of right classes; stands in for ``ppocr/metrics/cls_metric.py``."""

EPS = 1e-5  # stock's, so that values agree to the last digit


class ClsMetric:
    """``acc`` in [0, 1]."""

    def __init__(self, main_indicator="acc"):
        self.main_indicator = main_indicator
        self.reset()

    def __call__(self, pred_label, batch=None):
        """pred_label: (predictions, labels), each a list of (class, score). Returns the batch's own value."""
        right = [pred == label for (pred, _), (label, _) in zip(*pred_label)]
        self.right += sum(right)
        self.count += len(right)
        return {"acc": sum(right) / (len(right) + EPS)}

    def get_metric(self):
        value = {"acc": self.right / (self.count + EPS)}
        self.reset()
        return value

    def reset(self):
        self.right = self.count = 0
