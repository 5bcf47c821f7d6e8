"""What int8 activations (static QDQ) cost beside int8 weights alone: size, accuracy and speed of an exported model.

    python scripts/experiments/bench_ocr/static_int8.py DIR --calibrate TRAIN --data LABELS [--data LABELS]

Both forms keep the same weights in float: the first convolution, the last layer and, of a detector, the head. The
activations have the ranges that occur in the pictures of TRAIN; weights have a scale for each output channel.
onnxruntime's quantizer needs the package ml_dtypes. Speeds are of one thread, in turns: the median of the rounds, and
the least and the greatest ratio to the float model.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click
import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from ppocrv2_ext.checkpoints.onnx_files import load_model
from ppocrv2_ext.deploy import accuracy, quantize
from ppocrv2_ext.deploy.engine import load_onnx_engine
from ppocrv2_ext.deploy.labelled import open_samples, read_samples
from ppocrv2_ext.deploy.models import read_folder

LAST_OPERATORS = {"det": 3, "rec": 1, "cls": 1}  # those with weights at the end that stay float
KINDS_OF_OPERATOR = ("Conv", "ConvTranspose", "MatMul", "Gemm")
ROUNDS = 9
TIMED = 4  # pictures of a round


class Inputs(CalibrationDataReader):
    """What the network sees of pictures, one after the other."""

    def __init__(self, name: str, arrays: list) -> None:
        self.rest = iter([{name: array} for array in arrays])

    def get_next(self) -> dict | None:
        """The next input, or None at the end."""
        return next(self.rest, None)


def find_float_operators(graph: onnx.GraphProto, kind: str) -> list[str]:
    """The names of the operators that stay float."""
    weighted = [node for node in graph.node if node.op_type in KINDS_OF_OPERATOR]
    kept = [weighted[0], *weighted[-LAST_OPERATORS[kind] :]]
    return [node.name for node in kept]


@click.command(help=__doc__.partition("\n")[0])
@click.argument("model_dir", metavar="DIR")
@click.option("--calibrate", required=True, metavar="TRAIN", help="A label file of training pictures.")
@click.option("--calibration-pictures", default=64, show_default=True)
@click.option("--data", "files", multiple=True, required=True, metavar="LABELS", help="Test pictures; repeatable.")
@click.option("--pictures", default=500, show_default=True, help="Of each label file.")
@click.option("--method", type=click.Choice(["MinMax", "Percentile", "Entropy"]), default="MinMax", show_default=True)
def main(model_dir: str, calibrate: str, calibration_pictures: int, files: tuple, pictures: int, method: str) -> None:
    from onnxruntime.quantization import CalibrationMethod

    exported = read_folder(model_dir)
    kind, settings = exported.kind, exported.settings
    calibration = open_samples(read_samples(calibrate, None, kind, calibration_pictures).samples)
    inputs = accuracy.prepare_inputs(kind, settings, calibration.pictures)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = {form: folder / f"{form}.onnx" for form in ("float", "named", "weights", "static")}
        paths["float"].write_bytes(exported.onnx_file.read_bytes())
        quant_pre_process(str(paths["float"]), str(paths["named"]), skip_symbolic_shape=True)
        model = onnx.load(str(paths["named"]))
        kept = find_float_operators(model.graph, kind)
        quantize_static(
            str(paths["named"]),
            str(paths["static"]),
            Inputs(model.graph.input[0].name, inputs),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=kept,
            op_types_to_quantize=list(KINDS_OF_OPERATOR),
            calibrate_method=CalibrationMethod[method],
        )
        original = load_model(paths["float"])
        names = [weight.name for weight in quantize.list_weights(original)]
        small = quantize.store_as_int8(original, names[1 : -LAST_OPERATORS[kind]])
        paths["weights"].write_bytes(small.SerializeToString())
        del paths["named"]
        engines = {form: load_onnx_engine(path, 1) for form, path in paths.items()}
        sizes = {form: path.stat().st_size / 1e6 for form, path in paths.items()}
    ratios = time_in_turns(engines, inputs[:TIMED])
    scores: dict[str, list[float]] = {form: [] for form in engines}
    for file in files:
        opened = open_samples(read_samples(file, None, kind, pictures).samples)
        labels = [sample.label for sample in opened.samples]
        for form, run in engines.items():
            scores[form].append(accuracy.measure_accuracy(kind, run, settings, opened.pictures, labels))
    for form, values in scores.items():
        low, middle, high = ratios[form]
        shown = "  ".join(f"{value:6.2f} %" for value in values)
        click.echo(f"{form:8} {sizes[form]:6.2f} MB  {shown}  time x {middle:.2f} ({low:.2f} to {high:.2f})")


def time_in_turns(engines: dict, inputs: list) -> dict[str, tuple[float, float, float]]:
    """{form: (least, median, greatest) ratio of its time to that of the float model}"""
    seconds: dict[str, list[float]] = {form: [] for form in engines}
    for _ in range(ROUNDS + 1):
        for form, run in engines.items():
            start = time.perf_counter()
            for each in inputs:
                run(each)
            seconds[form].append(time.perf_counter() - start)
    ratios = {form: np.array(row[1:]) / np.array(seconds["float"][1:]) for form, row in seconds.items()}
    return {form: (float(row.min()), float(np.median(row)), float(row.max())) for form, row in ratios.items()}


if __name__ == "__main__":
    main()
