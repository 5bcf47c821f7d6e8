"""The two engines that run an exported model: Paddle inference and onnxruntime.

An engine is a function from inputs, (B, channels, H, W) float32, to the first output, float32.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..errors import UserError
from ..files import PathLike
from .model_folder import find_model_files

Engine = Callable[[np.ndarray], np.ndarray]


def load_paddle_engine(model_dir: PathLike) -> Engine:
    """An exported model in Paddle inference, on the CPU.

    Raises:
        UserError: Paddle is not installed, a file of the model is missing, or Paddle cannot load it.
    """
    program, params = find_model_files(model_dir)
    try:
        from paddle import inference
    except ImportError as error:
        raise UserError(f"running {model_dir} needs Paddle ({error}); run `pip install paddlepaddle`.") from error
    config = inference.Config(str(program), str(params))
    config.disable_gpu()
    config.disable_glog_info()
    if program.suffix == ".json" and b"_interp" in program.read_bytes():
        config.disable_mkldnn()  # oneDNN, Paddle 3.3's default, cannot run a detector's upsampling
    try:
        predictor = inference.create_predictor(config)
    except Exception as error:  # a broken file, or one of another Paddle: the class differs by version
        raise UserError(
            f"Paddle cannot load {program} ({_first_line(error)}); export it again, with this version of Paddle."
        ) from error
    source = predictor.get_input_handle(predictor.get_input_names()[0])
    target = predictor.get_output_handle(predictor.get_output_names()[0])

    def run(inputs: np.ndarray) -> np.ndarray:
        source.reshape(inputs.shape)
        source.copy_from_cpu(np.ascontiguousarray(inputs, dtype=np.float32))
        predictor.run()
        return target.copy_to_cpu()

    return run


def load_onnx_engine(onnx_file: PathLike) -> tuple[Engine, dict[str, str]]:
    """An ONNX file in onnxruntime, on the CPU.

    Returns:
        (engine, the metadata of the file as {key: text})
    Raises:
        UserError: onnxruntime is not installed, there is no such file, or onnxruntime cannot load it.
    """
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

    def run(inputs: np.ndarray) -> np.ndarray:
        return session.run(None, {name: np.ascontiguousarray(inputs, dtype=np.float32)})[0]

    return run, dict(session.get_modelmeta().custom_metadata_map)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
