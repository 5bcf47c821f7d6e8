"""The engines that run an exported model on a CPU: onnxruntime, OpenVINO and Paddle inference.

An engine is a function from inputs, (B, channels, H, W) float32, to the first output, float32. Several threads may call
it at once; Paddle's engine serves one call after the other. An engine works only in the process that made it. It raises
a UserError if the model cannot compute the inputs or gives NaN, and a NoMemoryError if there is too little memory.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError, did_you_mean, reason_of, summarise
from ..files import PathLike, has_file, has_folder
from .graph import read_graph
from .memory import NoMemoryError, lacks_memory
from .model_folder import ONNX_FILE, find_model_files
from .quantize import OF_INT8

Engine = Callable[[np.ndarray], np.ndarray]
OPENVINO_PRECISIONS = {"openvino": "f32", "openvino-bf16": "bf16"}  # {engine: in which OpenVINO computes}
ENGINES = ("onnxruntime", *OPENVINO_PRECISIONS, "paddle")


def load_engine(model: PathLike, name: str, threads: int = 0) -> Engine:
    """A model in one of :data:`ENGINES`.

    Args:
        model: the folder of an exported model, or for all engines but Paddle also an ONNX file.
        name: which engine.
        threads: that one call uses; 0 for the engine's own choice.
    Raises:
        UserError: there is no such engine, it is not installed, there is no such model, or the engine cannot load it.
    """
    if name not in ENGINES:
        raise UserError(f"there is no engine {name!r}{did_you_mean(name, ENGINES)}")
    path = Path(model)
    if name == "paddle":
        if has_file(path):
            raise UserError(f"{path} is an ONNX file, which Paddle does not run; give an exported folder.")
        return load_paddle_engine(path, threads)
    if has_folder(path):
        if not has_file(path / ONNX_FILE):
            find_model_files(path)  # its error is clearer where there is no model at all
            raise UserError(
                f"{path} has no {ONNX_FILE}, which {name} runs; write it with `ppocrv2 export --onnx`, or choose the "
                "engine paddle."
            )
        path = path / ONNX_FILE
    if name in OPENVINO_PRECISIONS:
        return load_openvino_engine(path, threads, OPENVINO_PRECISIONS[name])
    return load_onnx_engine(path, threads)


def load_paddle_engine(model_dir: PathLike, threads: int = 0) -> Engine:
    """An exported model in Paddle inference, on the CPU.

    Args:
        threads: that one call uses; 0 for Paddle's own choice.
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
    if threads:
        config.set_cpu_math_library_num_threads(threads)
    if program.suffix == ".json" and b"_interp" in program.read_bytes():
        config.disable_mkldnn()  # oneDNN, Paddle 3.3's default, cannot run a detector's upsampling
    try:
        predictor = inference.create_predictor(config)
    except Exception as error:  # a broken file, or one of another Paddle: the class differs by version
        raise UserError(
            f"Paddle cannot load {program} ({summarise(error)}); export it again, with this version of Paddle."
        ) from error
    source = predictor.get_input_handle(predictor.get_input_names()[0])
    target = predictor.get_output_handle(predictor.get_output_names()[0])

    lock = threading.Lock()

    def run(inputs: np.ndarray) -> np.ndarray:
        with lock:
            source.reshape(inputs.shape)
            source.copy_from_cpu(np.ascontiguousarray(inputs, dtype=np.float32))
            predictor.run()
            return target.copy_to_cpu()

    return refuse_failures(run, model_dir)


def load_onnx_engine(onnx_file: PathLike, threads: int = 0) -> Engine:
    """An ONNX file in onnxruntime, on the CPU.

    Args:
        threads: that one call uses; 0 for as many as there are cores.
    Raises:
        UserError: onnxruntime is not installed, there is no such file, or onnxruntime cannot load it.
    """
    return start_onnxruntime(_read_onnx(onnx_file), onnx_file, threads)


def start_onnxruntime(content: bytes, name: PathLike, threads: int = 0) -> Engine:
    """The content of an ONNX file in onnxruntime, as :func:`load_onnx_engine`.

    Args:
        content: as :func:`~ppocrv2_ext.deploy.graph.mend_graph` returns it.
        name: what the sentences call it.
    Raises:
        UserError: onnxruntime is not installed, or cannot load it.
    """
    session = _start_session(content, name, threads)
    source = session.get_inputs()[0].name

    def run(inputs: np.ndarray) -> np.ndarray:
        return session.run(None, {source: np.ascontiguousarray(inputs, dtype=np.float32)})[0]

    return refuse_failures(run, name)


def _start_session(content: bytes, name: PathLike, threads: int = 0) -> Any:
    """An onnxruntime.InferenceSession, as :func:`start_onnxruntime` needs it."""
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError("reading with ONNX needs onnxruntime; run `pip install onnxruntime`.") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # It warns of parts of a graph that are not needed, and what is an error it raises too.
    options.log_severity_level = 4
    options.enable_mem_pattern = False  # it plans memory for each new size of a picture, and keeps all of it
    # A waiting thread leaves its core to others.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's classes are private
        raise UserError(f"onnxruntime cannot load {name} ({summarise(error)}).") from error


def load_openvino_engine(onnx_file: PathLike, threads: int = 0, precision: str = "f32") -> Engine:
    """An ONNX file in OpenVINO, on the CPU.

    Args:
        threads: that one call uses; 0 for as many as there are cores.
        precision: "f32", or "bf16" with 8 significant bits: faster, and a few letters may be read differently. It needs
            a CPU that computes in it. Others would only round to it.
    Raises:
        UserError: openvino is not installed, there is no such file, OpenVINO cannot load it, or the CPU has no bf16.
    """
    try:
        import openvino
    except ImportError as error:
        raise UserError("the engine needs OpenVINO; run `pip install openvino`.") from error
    content = _read_onnx(onnx_file, fuse=False)
    core = openvino.Core()
    if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise UserError("the engine openvino-bf16 needs a CPU that computes in bfloat16; choose the engine openvino.")
    # One stream for each caller of one thread; 0 leaves the number of threads open. In several streams, OpenVINO 2026.4
    # makes nonsense of int8 weights.
    has_streams = threads == 1 and OF_INT8.encode() not in content
    hints = {"INFERENCE_PRECISION_HINT": precision, "NUM_STREAMS": "AUTO" if has_streams else "1"}
    try:
        model = core.compile_model(core.read_model(content), "CPU", hints)
    except Exception as error:  # OpenVINO raises RuntimeError for all it cannot do
        raise UserError(f"OpenVINO cannot load {onnx_file} ({summarise(error)}).") from error
    local = threading.local()

    def run(inputs: np.ndarray) -> np.ndarray:
        if not hasattr(local, "request"):
            local.request = model.create_infer_request()
        result = local.request.infer([np.ascontiguousarray(inputs, dtype=np.float32)])
        return np.array(result[model.output(0)])  # a copy: the request writes its next output there

    return refuse_failures(run, onnx_file)


def _read_onnx(onnx_file: PathLike, fuse: bool = True) -> bytes:
    """The content of an ONNX file, as :func:`~ppocrv2_ext.deploy.graph.read_graph` mends it.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    if not has_file(onnx_file):
        raise UserError(f"there is no file {onnx_file}; write it with `ppocrv2 export --onnx`.")
    try:
        return read_graph(onnx_file, fuse)
    except OSError as error:
        raise UserError(f"cannot read {onnx_file}: {reason_of(error)}; mend its permissions.") from error
    except Exception as error:  # of the package onnx, for a broken file
        raise UserError(f"{onnx_file} is not a whole ONNX file ({summarise(error)}); export it again.") from error


def require_process(maker: int) -> None:
    """Refuse to work in another process than that of the id ``maker``.

    A process that is forked has no threads but one. What waits for the others waits forever.

    Raises:
        UserError: this is another process.
    """
    if os.getpid() != maker:
        raise UserError(
            "a model reads only in the process that loaded it, and this process was forked from that one; make the "
            "OCR, or call read_lines, in the process that reads."
        )


def refuse_failures(engine: Engine, model: PathLike) -> Engine:
    """``engine`` with a UserError for all that goes wrong as it runs: inputs it does not take, too little memory, NaN,
    a process that was forked.

    Args:
        model: the folder or the file, for the sentence.
    """
    maker = os.getpid()

    def run(inputs: np.ndarray) -> np.ndarray:
        require_process(maker)
        try:
            output = engine(inputs)
        except Exception as error:  # each engine has classes of its own, and ValueError for some
            if lacks_memory(error):
                raise NoMemoryError(
                    f"{model} takes more memory than there is for inputs of {inputs.shape}; give it smaller pictures, "
                    "or free memory."
                ) from error
            raise UserError(
                f"{model} does not run on inputs of {inputs.shape} ({summarise(error)}); export it again."
            ) from error
        if output.dtype.kind == "f" and np.isnan(output.max(initial=0)):
            raise UserError(f"{model} gives NaN, so its weights are broken; export it again, from another checkpoint.")
        return output

    return run


def require_rank(output: np.ndarray, rank: int, kind: str, axes: str, last: int | None = None) -> np.ndarray:
    """``output`` of a model, if it has the shape that models of this kind give.

    Args:
        rank: how many axes there must be.
        kind: of the model, and ``axes`` what its axes are, for the sentence.
        last: how long the last axis must be; None for any length.
    Raises:
        UserError: it has another shape.
    """
    if output.ndim != rank or (last is not None and output.shape[-1] != last):
        raise UserError(
            f"the model gives an output of {output.shape}, but a {kind} gives {axes}; give the folder of a {kind}."
        )
    return output
