"""Exported models, and the two engines that run one: Paddle inference and onnxruntime.

An exported model is what PaddleOCR's tools/export_model.py leaves: ``inference.json`` (Paddle 3) or
``inference.pdmodel``, ``inference.pdiparams``, and ``inference.yml`` beside them. An engine is a function from
inputs, (B, channels, H, W) float32, to the first output, float32.
"""

from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np
import yaml

from ..errors import UserError

PROGRAMS = ("inference.json", "inference.pdmodel")
CHARACTERS, IMAGE_SHAPE = "character", "image_shape"  # keys of the ONNX metadata; RapidOCR reads the first


class Contract(NamedTuple):
    """What goes into a model and what its classes are called."""

    image_shape: list  # [channels, height, width] of the evaluation that the model was exported for
    dictionary: Optional[list]  # one string per line of the dictionary, without blank and space; None for a detector


def model_files(model_dir):
    """(program, parameters): the paths of an exported model. A program that Paddle 3 wrote comes first."""
    folder = Path(model_dir)
    program = next((folder / name for name in PROGRAMS if (folder / name).is_file()), None)
    if program is None:
        networks = exported(folder)
        hint = f"give one of {', '.join(map(str, networks))}" if networks else "export one with `ppocrv2 export`"
        raise UserError(f"{folder} is not an exported model: it has no {' or '.join(PROGRAMS)}; {hint}.")
    params = folder / "inference.pdiparams"
    if not params.is_file():
        raise UserError(f"{folder} is not a whole exported model: {params.name} is missing; export it again.")
    return program, params


def exported(directory):
    """Folders of the exported models in ``directory``: itself, and one for each network of a distillation model."""
    folder = Path(directory)
    candidates = [folder, *sorted(path for path in folder.glob("*") if path.is_dir())]
    return [path for path in candidates if any((path / name).is_file() for name in PROGRAMS)]


def contract(model_dir):
    """The Contract in ``inference.yml``; for a network of a distillation model it lies one folder up."""
    folder = Path(model_dir)
    candidates = [folder / "inference.yml", folder.absolute().parent / "inference.yml"]
    path = next((path for path in candidates if path.is_file()), None)
    if path is None:
        raise UserError(f"{candidates[0]} is missing: it says how to prepare images; export the model again.")
    try:
        with open(path, encoding="utf-8") as file:
            content = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        steps = content["PreProcess"]["transform_ops"]
        dictionary = content["PostProcess"].get("character_dict")
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} is not what the exporter writes ({type(error).__name__}: {error}); export again."
        ) from error
    sizes = [next(iter(step.values())) for step in steps if isinstance(step, dict) and "RecResizeImg" in step]
    if dictionary is None or not sizes:
        return Contract([3, -1, -1], None)
    # The exporter splits lines at "\n" only, training drops a "\r" too.
    return Contract([int(size) for size in sizes[0]["image_shape"]], [str(c).strip("\r\n") for c in dictionary])


def paddle_engine(model_dir):
    """Run an exported model with Paddle inference on the CPU."""
    program, params = model_files(model_dir)
    try:
        from paddle import inference
    except ImportError as error:
        raise UserError(f"running {model_dir} needs Paddle ({error}); run `pip install paddlepaddle`.") from error
    config = inference.Config(str(program), str(params))
    config.disable_gpu()
    config.disable_glog_info()
    if program.suffix == ".json" and b"_interp" in program.read_bytes():
        config.disable_mkldnn()  # oneDNN, the default of Paddle 3.3, cannot run a detector's upsampling
    try:
        predictor = inference.create_predictor(config)
    except Exception as error:  # a broken file, or one of another Paddle: the class differs by version
        raise UserError(
            f"Paddle cannot load {program} ({_first_line(error)}); export it again, with this version of Paddle."
        ) from error
    source = predictor.get_input_handle(predictor.get_input_names()[0])
    target = predictor.get_output_handle(predictor.get_output_names()[0])

    def run(inputs):
        source.reshape(inputs.shape)
        source.copy_from_cpu(np.ascontiguousarray(inputs, dtype=np.float32))
        predictor.run()
        return target.copy_to_cpu()

    return run


def onnx_engine(onnx_file):
    """Run an ONNX file with onnxruntime on the CPU. Returns (engine, its metadata as {key: text})."""
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError("reading with ONNX needs onnxruntime; run `pip install onnxruntime`.") from error
    if not Path(onnx_file).is_file():
        raise UserError(f"there is no file {onnx_file}; write it with `ppocrv2 export --onnx`.")
    try:
        session = onnxruntime.InferenceSession(str(onnx_file), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's classes are private
        raise UserError(f"onnxruntime cannot load {onnx_file} ({_first_line(error)}).") from error
    name = session.get_inputs()[0].name

    def run(inputs):
        return session.run(None, {name: np.ascontiguousarray(inputs, dtype=np.float32)})[0]

    return run, dict(session.get_modelmeta().custom_metadata_map)


def _first_line(error):
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
