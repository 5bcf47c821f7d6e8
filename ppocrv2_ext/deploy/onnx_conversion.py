"""ONNX files from exported models, and how far their outputs are from Paddle's."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np

from ..errors import UserError
from ..files import PathLike, atomic_write
from .engine import load_onnx_engine, load_paddle_engine
from .model_folder import ONNX_FILE, find_exported_models, find_model_files, read_description
from .onnx_metadata import describe_lines

OPSET = 14  # the first with HardSwish
TOLERANCE = 1e-4  # of a probability, on lines 320 pixels wide; Paddle 2.6 is off by 2.4e-4 on a line of 600
# The same where there is text. A trained detector is steep there, and answers 0 elsewhere: of PP-OCRv6 tiny after a
# fine-tune with restored BatchNorm, the two differ by up to 3e-4, and each by 1e-4 from double precision.
TEXT_TOLERANCE = 1e-3
# Pixels of the side of an image for a detector. Paddle averages a map by adding its pixels one after the other in
# single precision, so its error grows with the image. Of PP-OCRv6 tiny after two steps of training it was 3.7e-4 of a
# probability at 320 pixels and 1.1e-5 at 64, measured against double precision, and onnxruntime's 4.5e-5 and 7.1e-6.
DETECTOR_SIDE = 64


def convert_to_onnx(model_dir: PathLike, output_file: PathLike) -> Path:
    """Write an exported model as a self-contained ONNX file. It appears complete or not at all.

    Sizes that were exported as fixed stay fixed. A recognizer takes any batch and any width. Its metadata say
    how it reads (:mod:`.onnx_metadata`).

    Args:
        model_dir: folder with ``inference.json`` or ``inference.pdmodel``, ``inference.pdiparams``, ``inference.yml``.
        output_file: its folder is created.
    Raises:
        UserError: paddle2onnx is not installed or cannot convert the model, or a file is missing.
    """
    program, params = find_model_files(model_dir)
    shape, dictionary = read_description(model_dir)
    model = convert_program(program, params)
    _tidy(model.graph)
    if dictionary is not None:
        from onnx import helper

        helper.set_model_props(model, describe_lines(dictionary, shape))
    with atomic_write(output_file) as part:
        part.write_bytes(model.SerializeToString())
    return Path(output_file)


def convert_program(program: Path, params: Path) -> Any:
    """The onnx.ModelProto of an inference model, as paddle2onnx makes it.

    Args:
        program: ``inference.json`` or ``inference.pdmodel``.
        params: its parameters.
    Raises:
        UserError: paddle2onnx is not installed or cannot convert the model, or the program is cut.
    """
    onnx, paddle2onnx = _import_packages()
    try:
        with tempfile.TemporaryDirectory() as folder:
            source = _write_single_precision(program, Path(folder)) if program.suffix == ".json" else program
            # No path to save to is given: before it saves, version 2 installs packages by itself.
            content = paddle2onnx.export(str(source), str(params), None, opset_version=OPSET, verbose=False)
        model = onnx.load_from_string(content)
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # after it has logged what was wrong, version 2 raises either
        raise UserError(
            f"paddle2onnx {paddle2onnx.__version__} cannot convert {program} ({error}); its log above says why."
        ) from error
    if not model.graph.node:  # version 2 logs that the parameters are of another program
        raise UserError(f"paddle2onnx {paddle2onnx.__version__} cannot convert {program}; its log above says why.")
    return model


def measure_difference(model_dir: PathLike, onnx_file: PathLike, inputs: Iterable[np.ndarray]) -> float:
    """The largest absolute difference between the outputs of Paddle inference and of onnxruntime.

    Args:
        model_dir: the exported model.
        onnx_file: the ONNX file made from it.
        inputs: one or more of (B, channels, H, W) float32; sizes may differ.
    Returns:
        At least 0, in the unit of the output, such as a probability.
    Raises:
        UserError: the shapes of the outputs differ, so the file is another model's; or one of the two gives NaN.
    """
    inputs = list(inputs)
    if not inputs:
        raise ValueError("`inputs` must have at least one array, got none.")
    run_paddle, run_onnx = load_paddle_engine(model_dir), load_onnx_engine(onnx_file)
    largest = []
    for array in inputs:
        ours, theirs = run_paddle(array), run_onnx(array)
        if ours.shape != theirs.shape:
            raise UserError(
                f"{onnx_file} is not the model in {model_dir}: from {array.shape} it makes {theirs.shape}, not"
                f" {ours.shape}; convert the model again."
            )
        largest.append(np.abs(ours - theirs).max())
    return float(np.max(largest))


def convert_and_compare(directory: PathLike, place: PathLike | None = None) -> list[Path]:
    """Convert every exported model in ``directory``, and compare the ONNX files with Paddle, on blocks and on text.

    Args:
        place: where the folder is going to be, for what is printed; None if it stays.
    Returns:
        The paths of the ONNX files, each beside its model.
    Raises:
        UserError: a model cannot be converted, or the outputs differ by more than :data:`TOLERANCE` on blocks or
            :data:`TEXT_TOLERANCE` on text. The file that differs is not deleted.
    """
    folders = find_exported_models(directory) or [Path(directory)]
    files = []
    for folder in folders:
        file = convert_to_onnx(folder, folder / ONNX_FILE)
        blocks = _make_blocks(read_description(folder).image_shape)
        largest = 0.0
        for probes, tolerance in ((blocks, TOLERANCE), ([_write_on(each) for each in blocks], TEXT_TOLERANCE)):
            difference = measure_difference(folder, file, probes)
            if not difference <= tolerance:
                raise UserError(
                    f"{file} differs from {folder} by {difference:.1e}, and at most {tolerance:.0e} is rounding; "
                    "export without --onnx, and read with --engine paddle."
                )
            largest = max(largest, difference)
        shown = file if place is None else Path(place) / file.relative_to(directory)
        click.echo(f"{shown}: {file.stat().st_size / 2**20:.1f} MiB, largest difference from Paddle {largest:.1e}")
        files.append(file)
    return files


def _make_blocks(image_shape: list[int]) -> list[np.ndarray]:
    """Images (B, channels, H, W) in [-1, 1] of random blocks to compare on: two batch sizes and two widths."""
    free = (3, DETECTOR_SIDE, DETECTOR_SIDE)
    channels, height, width = (size if size > 0 else fallback for size, fallback in zip(image_shape, free))
    rng = np.random.default_rng(0)
    coarse = [rng.uniform(-1, 1, (b, channels, height // 8, w // 8)) for b, w in ((1, width), (3, width // 64 * 32))]
    return [np.kron(values, np.ones((8, 8))).astype(np.float32) for values in coarse]


def _write_on(images: np.ndarray) -> np.ndarray:
    """The same images (B, channels, H, W), brighter, with dark text on them."""
    height, width = images.shape[2:]
    ink = np.zeros((height, width), np.uint8)
    place, size, thickness = (4, height * 5 // 8), height / 64, max(1, height // 32)
    cv2.putText(ink, "Text 85", place, cv2.FONT_HERSHEY_SIMPLEX, size, 1, thickness)
    return np.where(ink, np.float32(-1), (images + 1) / 2)


def _import_packages() -> tuple[Any, Any]:
    """(onnx, paddle2onnx)"""
    import paddle

    wanted = "paddle2onnx==2.1.0" if int(paddle.__version__.split(".")[0]) >= 3 else "paddle2onnx==1.3.1"
    try:
        import onnx
        import paddle2onnx
    except (ImportError, ValueError) as error:  # version 2 raises ValueError beside Paddle 2
        raise UserError(
            f"converting to ONNX under Paddle {paddle.__version__} needs `pip install {wanted} onnx` ({error})."
        ) from error
    return onnx, paddle2onnx


def _write_single_precision(program: Path, folder: Path) -> Path:
    """A copy of a Paddle 3 program, in ``folder``, in which the attributes `scale` and `epsilon` are float32.

    Paddle 3.3 writes them as float64, which paddle2onnx 2.1.0 refuses in a detector's upsampling (Paddle#77757) and
    leaves unset in a normalization (Paddle2ONNX#1646).
    """
    try:
        content = json.loads(program.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(
            f"{program} is not a whole program ({error}); copy it again, or export the model again."
        ) from error

    def visit(node: Any) -> None:
        for child in node.values() if isinstance(node, dict) else node:
            if isinstance(child, (dict, list)):
                visit(child)
        if isinstance(node, dict) and node.get("N") in ("scale", "epsilon") and "AT" in node:
            node["AT"] = json.loads(json.dumps(node["AT"]).replace('"0.a_f64"', '"0.a_f32"'))

    visit(content)
    copy = folder / program.name
    copy.write_text(json.dumps(content), encoding="utf-8")
    return copy


def _tidy(graph: Any) -> None:
    """Drop tensors that nothing reads, since onnxruntime warns about each, and name the free dimensions."""
    read = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
    for constant in [node for node in graph.node if node.op_type == "Constant" and node.output[0] not in read]:
        graph.node.remove(constant)
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in read]:
        graph.initializer.remove(tensor)
    image = ("batch", "channels", "height", "width")
    for value in (graph.input[0], graph.output[0]):
        sizes = value.type.tensor_type.shape.dim
        for size, name in zip(sizes, image if len(sizes) == 4 else ("batch", "frames")):
            if not size.HasField("dim_value"):
                size.dim_param = name
