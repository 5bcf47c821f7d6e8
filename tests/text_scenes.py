"""Pictures with text for the tests of Copy-Paste and of the geometry it stands on."""

import numpy as np

SQUARE = [[2, 2], [12, 2], [12, 12], [2, 12]]
# A band along an arc of a circle, seven points above and seven below.
ARC = np.radians(np.linspace(200, 340, 7))
BAND = np.concatenate([np.stack([60 + r * np.cos(t), 70 + r * np.sin(t)], 1) for r, t in [(50, ARC), (30, ARC[::-1])]])


def sample(image, polygons, texts=None, ignored=None):
    """A sample as DecodeImage and DetLabelEncode return it, with (N, P, 2) polygons."""
    texts = [f"text {i}" for i in range(len(polygons))] if texts is None else texts
    ignored = np.zeros(len(polygons), bool) if ignored is None else np.array(ignored, bool)
    return {"image": image, "polys": np.array(polygons, np.float32), "texts": texts, "ignore_tags": ignored}


def with_other(target, other):
    """A sample beside which PaddleOCR's dataset has loaded another one."""
    return {**target, "ext_data": [other]}


def plain_image(height=100, width=120, value=0):
    """(height, width, 3) uint8, all pixels equal."""
    return np.full((height, width, 3), value, np.uint8)


def grid_of_boxes(count):
    """A picture with ``count`` boxes of 24 x 12 pixels."""
    corners = [(10 + 30 * (i % 9), 10 + 20 * (i // 9)) for i in range(count)]
    return sample(
        plain_image(300, 300, 200), [[[x, y], [x + 24, y], [x + 24, y + 12], [x, y + 12]] for x, y in corners]
    )
