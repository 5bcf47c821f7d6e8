"""What a row costs in use: parameters, bytes and milliseconds of the one network that is exported."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ppocrv2_ext.config.yaml_files import assignment
from ppocrv2_ext.data.label_files import read_entries
from ppocrv2_ext.deploy.accuracy import prepare_inputs
from ppocrv2_ext.deploy.engine import load_onnx_engine, load_paddle_engine
from ppocrv2_ext.deploy.model_folder import ONNX_FILE, find_model_files
from ppocrv2_ext.deploy.models import read_folder
from ppocrv2_ext.deploy.pictures import load_image
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.files import PathLike

from ..processes import Processes

MODEL = "inference"  # the folder of the exported network, in that of its row
IMAGES, WARM_UP = 100, 10


def export_network(folder: Path, result: dict, processes: Processes) -> dict:
    """Export the best network of a run into ``folder``/inference.

    Args:
        folder: of the row.
        result: of the run.
    Returns:
        dict of digest, network, parameters, bytes and engine.
    Raises:
        CommandError: the export failed.
    """
    run, target, log = folder / f"seed{result['seed']}", folder / MODEL, folder / "export.txt"
    shutil.rmtree(target, ignore_errors=True)
    log.unlink(missing_ok=True)
    onnx = all(importlib.util.find_spec(package) for package in ("paddle2onnx", "onnxruntime"))
    network = [] if result["best"] == "network" else ["--network", result["best"]]
    paths = [
        assignment("Global.pretrained_model", run / "latest"),
        assignment("Global.save_inference_dir", target),
    ]
    processes.run(["export", "-c", run / "config.yml", *network, *(["--onnx"] if onnx else []), "-o", *paths], log)
    return {
        "digest": result["digest"],
        "network": result["best"],
        "parameters": count_parameters(target),
        "bytes": sum(file.stat().st_size for file in find_model_files(target)),
        "engine": "onnxruntime" if onnx else "Paddle inference",
    }


def measure_milliseconds(folders: Mapping[str, Path], data: PathLike) -> dict[str, float]:
    """The median time of one image in the exported network of each row, over the first test images.

    The rows take turns, so that other work of the machine slows all of them alike.

    Args:
        folders: {row key: folder that :func:`export_network` was called with}.
        data: folder with test.txt and the images that it names.
    Returns:
        {row key: milliseconds}
    Raises:
        UserError: none of the test images can be read, or a network cannot be.
    """
    engines, inputs = {}, {}
    for key, folder in folders.items():
        target = folder / MODEL
        file = target / ONNX_FILE
        engines[key] = load_onnx_engine(file) if file.is_file() else load_paddle_engine(target)
        kind, _, settings = read_folder(target)
        inputs[key] = read_test_inputs(data, kind, settings)
        if not inputs[key]:
            raise UserError(f"no image of {Path(data) / 'test.txt'} can be read; mend the file, and run again.")
    return {key: statistics.median(times) for key, times in time_in_turns(engines, inputs).items()}


def time_in_turns(
    engines: Mapping[str, Callable[[Any], Any]], inputs: Mapping[str, Sequence[Any]]
) -> dict[str, list[float]]:
    """Time every engine on each of its inputs, after a warm-up that does not count.

    Args:
        inputs: {key: arrays (1, 3, H, W)}, as many for each engine.
    Returns:
        {key: milliseconds of each input}
    """
    count = len(next(iter(inputs.values())))
    times = {key: [] for key in engines}
    for turn in range(-min(WARM_UP, count), count):
        for key, engine in engines.items():
            start = time.perf_counter()
            engine(inputs[key][turn])
            if turn >= 0:
                times[key].append(1000 * (time.perf_counter() - start))
    return times


def count_parameters(model_dir: PathLike) -> int:
    """How many numbers training changes in an exported network: weights, not the running statistics of BatchNorm."""
    import paddle

    program, _ = find_model_files(model_dir)
    layer = paddle.jit.load(str(program.with_suffix("")))
    return int(sum(np.prod(parameter.shape) for parameter in layer.parameters() if parameter.trainable))


def read_test_inputs(data: PathLike, kind: str, settings: Any) -> list[np.ndarray]:
    """The first test images that can be read, each as the exported network takes it in use: (1, 3, H, W) float32.

    Args:
        data: folder with test.txt and the images that it names.
        kind, settings: of the exported network, as :func:`~ppocrv2_ext.deploy.accuracy.prepare_inputs` takes them.
    """
    return prepare_inputs(kind, settings, list(itertools.islice(_load_images(Path(data)), IMAGES)))


def _load_images(folder: Path) -> Iterator[np.ndarray]:
    """The test images in order. The evaluation leaves out what cannot be read, and so does this."""
    for entry in read_entries(folder / "test.txt"):
        for name in entry.images[:1]:
            with contextlib.suppress(OSError, ValueError):
                yield load_image(folder / name)
