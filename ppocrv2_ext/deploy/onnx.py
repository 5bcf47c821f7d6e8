"""ONNX files from exported models, and how far their outputs are from Paddle's."""

import json
import tempfile
from pathlib import Path

import click
import numpy as np

from ..errors import UserError
from ..files import atomic_write
from .engine import CHARACTERS, IMAGE_SHAPE, contract, exported, model_files, onnx_engine, paddle_engine

OPSET = 14  # the first with HardSwish
TOLERANCE = 1e-4  # of a probability, on probes of 320 pixels; Paddle 2.6 is off by 2.4e-4 on a line of 600
FILE_NAME = "inference.onnx"


def convert(model_dir, output_file):
    """Write an exported model as a self-contained ONNX file; the file appears whole or not at all.

    Height and width stay as they were exported, batch and width of a recognizer are free. A recognizer's metadata has
    ``character``, its dictionary joined by newlines as RapidOCR expects it (neither blank nor space), and
    ``image_shape``, "channels,height,width".

    Args:
        model_dir: folder with ``inference.json`` or ``inference.pdmodel``, ``inference.pdiparams``, ``inference.yml``.
        output_file: path to write; its folder is created.
    Returns:
        Path of the file.
    """
    program, params = model_files(model_dir)
    shape, dictionary = contract(model_dir)
    onnx, paddle2onnx = _packages()
    try:
        with tempfile.TemporaryDirectory() as folder:
            source = _single_precision(program, Path(folder)) if program.suffix == ".json" else program
            # Without a file to save to: to save, version 2 first installs packages for itself.
            content = paddle2onnx.export(str(source), str(params), None, opset_version=OPSET, verbose=False)
        model = onnx.load_from_string(content)
    except Exception as error:  # version 2 raises UnboundLocalError after it has logged what was wrong
        raise UserError(
            f"paddle2onnx {paddle2onnx.__version__} cannot convert {program} ({error}); its log above says why."
        ) from error
    _tidy(model.graph)
    if dictionary is not None:
        onnx.helper.set_model_props(model, {CHARACTERS: "\n".join(dictionary), IMAGE_SHAPE: ",".join(map(str, shape))})
    with atomic_write(output_file) as part:
        part.write_bytes(model.SerializeToString())
    return Path(output_file)


def parity(model_dir, onnx_file, inputs):
    """Largest absolute difference between Paddle inference and onnxruntime, in the unit of the output.

    Args:
        model_dir: the exported model.
        onnx_file: the ONNX file made from it.
        inputs: list of (B, channels, H, W) float32; sizes may differ.
    Returns:
        float >= 0; NaN if an output is NaN.
    """
    inputs = list(inputs)
    if not inputs:
        raise ValueError("`inputs` must have at least one array, got none.")
    run_paddle, (run_onnx, _) = paddle_engine(model_dir), onnx_engine(onnx_file)
    largest = []
    for array in inputs:
        ours, theirs = run_paddle(array), run_onnx(array)
        if ours.shape != theirs.shape:
            raise UserError(
                f"{onnx_file} is not {model_dir}: for {array.shape} it gives {theirs.shape}, not {ours.shape}."
            )
        largest.append(np.abs(ours - theirs).max())
    return float(np.max(largest))


def export_checked(directory):
    """Convert every exported model in ``directory`` and compare it with Paddle on smooth random images.

    Returns:
        Paths of the ONNX files, each beside its model. A difference over ``TOLERANCE`` is an error; the file stays.
    """
    folders = exported(directory) or [directory]
    files = []
    for folder in folders:
        file = convert(folder, Path(folder) / FILE_NAME)
        difference = parity(folder, file, _probes(contract(folder).image_shape))
        click.echo(f"{file}: {file.stat().st_size / 2**20:.1f} MiB, largest difference from Paddle {difference:.1e}")
        if not difference <= TOLERANCE:
            raise UserError(f"{file} differs from {folder} by {difference:.1e}, at most {TOLERANCE:.0e} is rounding.")
        files.append(file)
    return files


def _probes(image_shape):
    """Images in [-1, 1] to compare on: two batch sizes and two widths."""
    channels, height, width = (size if size > 0 else fallback for size, fallback in zip(image_shape, (3, 320, 320)))
    rng = np.random.default_rng(0)
    coarse = [rng.uniform(-1, 1, (b, channels, height // 8, w // 8)) for b, w in ((1, width), (3, width // 64 * 32))]
    return [np.kron(values, np.ones((8, 8))).astype(np.float32) for values in coarse]


def _packages():
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


def _single_precision(program, folder):
    """A copy of a Paddle 3 program in which the attributes below are float32; returns its path.

    Paddle 3.3 writes them as float64, which paddle2onnx 2.1.0 refuses in a detector's upsampling (Paddle#77757) and
    leaves unset in a normalization (Paddle2ONNX#1646).
    """
    content = json.loads(program.read_text(encoding="utf-8"))

    def visit(node):
        for child in node.values() if isinstance(node, dict) else node:
            if isinstance(child, (dict, list)):
                visit(child)
        if isinstance(node, dict) and node.get("N") in ("scale", "epsilon") and "AT" in node:
            node["AT"] = json.loads(json.dumps(node["AT"]).replace('"0.a_f64"', '"0.a_f32"'))

    visit(content)
    copy = folder / program.name
    copy.write_text(json.dumps(content), encoding="utf-8")
    return copy


def _tidy(graph):
    """Drop tensors that nothing reads, onnxruntime warns about each of them, and name the free dimensions."""
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
