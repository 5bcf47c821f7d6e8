"""The samples of an evaluation for the report, from what PaddleOCR's loop hands to its metric."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...preview.training_samples import denormalise, measure_used_width
from ...report.samples import LineSamples, SceneSamples
from ..samples.draw_samples import OF_LINES, find_normalisation

# From the section Metric of a config to what collects the samples.
KINDS: dict[str, Callable[[dict], LineSamples | SceneSamples]] = {
    "rec": lambda metric: LineSamples(ignore_space=metric.get("ignore_space", True)),  # PaddleOCR's default
    "cls": lambda metric: LineSamples(classes=True),
    "det": lambda metric: SceneSamples(),
}


class EvaluatedSamples:
    """Collects the samples of one evaluation, of each network.

    Args:
        config: the config of the training.
        transforms: the objects of ``Eval.dataset.transforms``; they tell how an image was normalised.
    """

    def __init__(self, config: dict, transforms: Sequence[Any]):
        self._kind, self._metric = config["Architecture"].get("model_type"), config["Metric"]
        self._data_dir = str(config["Eval"]["dataset"].get("data_dir") or "")
        self._mode = next((op.img_mode for op in transforms if hasattr(op, "img_mode")), "BGR")
        self._normalisation = find_normalisation(transforms, OF_LINES)
        self.networks: dict[str | None, Any] = {}  # {network, or None for a single one: its samples}

    def add(self, results: Any, batch: Sequence[Any], files: Sequence[str]) -> None:
        """Take a batch.

        Args:
            results: of the post-process; of several networks {name: results}.
            batch: the columns of the batch as arrays, images (B, 3, H, W) first.
            files: of the samples, or nothing if they are not known.
        """
        if self._kind not in KINDS:
            return
        names = [str(file).removeprefix(self._data_dir).lstrip("/\\") for file in files] or [""] * len(batch[0])
        of_each: Mapping[str | None, Any] = results if isinstance(results, dict) else {None: results}
        for network, found in of_each.items():
            samples = self.networks.setdefault(network, KINDS[self._kind](self._metric))
            if isinstance(samples, SceneSamples):
                self._add_scenes(samples, found, batch, names)
            else:
                self._add_lines(samples, found, batch, names)

    def _add_lines(self, samples: LineSamples, found: Any, batch: Sequence[Any], names: Sequence[str]) -> None:
        readings, labels = found
        for name, (reading, confidence), (label, _), image in zip(names, readings, labels, batch[0]):
            samples.add(name, label, reading, float(confidence), functools.partial(self._picture, image, True))

    def _add_scenes(self, samples: SceneSamples, found: Any, batch: Sequence[Any], names: Sequence[str]) -> None:
        images, shapes, polygons, ignored = batch[:4]
        for name, result, image, shape, labelled, is_ignored in zip(names, found, images, shapes, polygons, ignored):
            # PaddleOCR's shape of an image is (height, width, factor of the height, factor of the width).
            scale = (float(shape[3]), float(shape[2]))
            picture = functools.partial(self._picture, image, False)
            samples.add(name, list(labelled), list(is_ignored), list(result["points"]), scale, picture)

    def _picture(self, image: np.ndarray, is_line: bool) -> np.ndarray:
        """What the network saw, as (H, W, 3) uint8 RGB. The padding of a line is left out."""
        picture = denormalise(image, *self._normalisation)
        if is_line:
            picture = picture[:, : max(1, measure_used_width(image))]
        return picture if self._mode == "RGB" else picture[:, :, ::-1]
