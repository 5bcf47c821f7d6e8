"""The smallest ablation: drawn images, narrow networks, two steps. It shows that everything runs, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from ppocrv2_ext.config.networks import networks
from ppocrv2_ext.staged_folders import write_new

FOLDER = "smoke_data"  # of the drawn images, in that of the ablation
STEPS, BATCH = 2, 2
COUNT = {"train": 4, "test": 2}
SHARED = (
    f"Train.loader.batch_size_per_card={BATCH}",
    "Train.loader.num_workers=0",
    "Eval.loader.num_workers=0",
    "Global.use_gpu=false",
)
OVERRIDES = {
    "rec": (
        *SHARED,
        "Train.dataset.transforms.RecResizeImg.image_shape=[3,32,64]",
        "Eval.dataset.transforms.RecResizeImg.image_shape=[3,32,64]",
    ),
    "det": (
        *SHARED,
        "Train.dataset.transforms.RandomTextWindow.size=[160,160]",
        "Eval.dataset.transforms.DetResizeForTest.limit_side_len=160",
    ),
}
OVERRIDES |= {
    "scratch": OVERRIDES["rec"],
    "det_scratch": OVERRIDES["det"],
    "v6_rec": (
        *SHARED,
        "Train.dataset.transforms.TextLineResize.image_shape=[3,48,96]",
        "Eval.dataset.transforms.RecResizeImg.image_shape=[3,48,96]",
    ),
    "v6_det": (
        *SHARED,
        "Train.dataset.transforms.RandomSceneWindow.size=[160,160]",
        "Eval.dataset.transforms.DetResizeForTest.limit_side_len=160",
    ),
}
SCALES = {"LCNet": 0.25, "MobileNetV3": 0.35}


def narrow_backbones(config: dict) -> dict:
    """Make the backbones of ``config`` narrow, in place, and return it."""
    for network in networks(config["Architecture"]).values():
        backbone = network.get("Backbone") or {}
        if backbone.get("name") in SCALES:
            backbone["scale"] = SCALES[backbone["name"]]
    return config


def draw_data(kind: str, folder: Path) -> Path:
    """Write images with a number on them, train.txt and test.txt into ``folder``, and return it.

    Args:
        kind: a key of :data:`.paper.TASKS`; words for the recognizers, scenes for the detectors.
    Raises:
        UserError: the folder holds another file of such a name. Then nothing is written.
    """
    files = {}
    for part, count in COUNT.items():
        lines = []
        for index in range(count):
            image, label = DRAW[kind](f"{part[0]}{index}")
            name = f"{part}{index}.png"
            files[folder / name] = cv2.imencode(".png", image)[1].tobytes()
            lines.append(f"{name}\t{label}\n")
        files[folder / f"{part}.txt"] = "".join(lines).encode()
    write_new(files)
    return folder


def _draw_word(text: str) -> tuple[np.ndarray, str]:
    image = np.full((32, 64, 3), 255, np.uint8)
    cv2.putText(image, text, (4, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0), 2)
    return image, text


def _draw_scene(text: str) -> tuple[np.ndarray, str]:
    image = np.full((160, 160, 3), 200, np.uint8)
    objects = []
    for top in (20, 90):
        cv2.putText(image, text, (20, top + 40), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (0, 0, 0), 3)
        points = [[16, top], [100, top], [100, top + 46], [16, top + 46]]
        objects.append({"transcription": text, "points": points})
    return image, json.dumps(objects)


DRAW = {
    "rec": _draw_word,
    "scratch": _draw_word,
    "v6_rec": _draw_word,
    "det": _draw_scene,
    "det_scratch": _draw_scene,
    "v6_det": _draw_scene,
}
