"""What a row costs once it is deployed: parameters, bytes and milliseconds of the one network that is exported."""

import importlib.util
import shutil
import statistics
import time
from pathlib import Path

import cv2
import numpy as np

from ppocrv2_ext import config
from ppocrv2_ext.deploy.engine import load_onnx_engine, load_paddle_engine
from ppocrv2_ext.deploy.model_folder import find_model_files, read_description
from ppocrv2_ext.deploy.onnx_conversion import FILE_NAME
from ppocrv2_ext.deploy.read import line_width, load_image, resize_line

FILE, MODEL = "deployed.json", "inference"  # of a row
IMAGES, WARM_UP = 100, 10
LEAST_SIDE = 736  # pixels, PaddleOCR's rule for scenes: the shorter side at least this, both multiples of 32


def export(folder, result, processes):
    """Export the better network of a run, alone, into ``folder``/inference.

    Args:
        folder: of the row.
        result: of the run.
        processes: Processes.
    Returns:
        dict of digest, network, parameters, bytes and engine.
    Raises:
        CommandError: it was not exported.
    """
    run, target, log = folder / f"seed{result['seed']}", folder / MODEL, folder / "export.txt"
    shutil.rmtree(target, ignore_errors=True)
    log.unlink(missing_ok=True)
    onnx = all(importlib.util.find_spec(package) for package in ("paddle2onnx", "onnxruntime"))
    one = [] if result["best"] == "network" else ["--network", result["best"]]
    paths = [
        config.assignment("Global.pretrained_model", run / "latest"),
        config.assignment("Global.save_inference_dir", target),
    ]
    processes.run(["export", "-c", run / "config.yml", *one, *(["--onnx"] if onnx else []), "-o", *paths], log)
    return {
        "digest": result["digest"],
        "network": result["best"],
        "parameters": parameters(target),
        "bytes": sum(file.stat().st_size for file in find_model_files(target)),
        "engine": "onnxruntime" if onnx else "Paddle inference",
    }


def milliseconds(folders, data):
    """Median time of one image in the exported network of each row, over the first test images.

    The rows take turns, so that what else the machine does falls on all of them alike.

    Args:
        folders: {row key: folder that :func:`export` was called with}.
        data: folder whose test.txt names the images.
    """
    engines, inputs = {}, {}
    for key, folder in folders.items():
        target = folder / MODEL
        file = target / FILE_NAME
        engines[key] = load_onnx_engine(file)[0] if file.is_file() else load_paddle_engine(target)
        inputs[key] = test_inputs(data, read_description(target))
    return {key: statistics.median(times) for key, times in taking_turns(engines, inputs).items()}


def taking_turns(engines, inputs):
    """{key: milliseconds of every input}, after a warm-up; ``inputs``: {key: list of (1, 3, H, W)}, equally many."""
    count = len(next(iter(inputs.values())))
    times = {key: [] for key in engines}
    for turn in range(-min(WARM_UP, count), count):
        for key, engine in engines.items():
            started = time.perf_counter()
            engine(inputs[key][turn])
            if turn >= 0:
                times[key].append(1000 * (time.perf_counter() - started))
    return times


def parameters(model_dir):
    """Numbers in the exported network that training changed: weights, not BatchNorm's running statistics."""
    import paddle

    program, _ = find_model_files(model_dir)
    layer = paddle.jit.load(str(program.with_suffix("")))
    return int(sum(np.prod(parameter.shape) for parameter in layer.parameters() if parameter.trainable))


def test_inputs(data, made_for):
    """The first test images as the deployed network gets them, (1, 3, H, W) each."""
    lines = (Path(data) / "test.txt").read_text(encoding="utf-8-sig").split("\n")
    names = [line.partition("\t")[0] for line in lines if line.strip()][:IMAGES]
    images = [load_image(Path(data) / name) for name in names]
    _, height, width = made_for.image_shape
    if height > 0:
        return [resize_line(image, height, line_width(image, height, width))[None] for image in images]
    return [_scene(image) for image in images]


def _scene(image):
    scale = max(1.0, LEAST_SIDE / min(image.shape[:2]))
    height, width = (max(32, round(side * scale / 32) * 32) for side in image.shape[:2])
    pixels = cv2.resize(image, (width, height)).astype(np.float32) / 255
    return ((pixels - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)).transpose(2, 0, 1)[None].astype(np.float32)
