"""How the files in this folder were made: by ppocrv2_ext as it was before its modules moved, at commit 4509f1d.

Run as `PYTHONPATH=CLONE_OF_THAT_COMMIT OMP_NUM_THREADS=1 python make.py FOLDER`, with Paddle 3.3.1, paddleocr 2.10.0,
paddle2onnx 2.1.0, onnxruntime 1.32.0 and onnx 1.17.0, on a CPU. It does not run on later code.
A narrow recognizer learns eight drawn words until it reads them; a pair of two takes three steps.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import paddle
from ppocrv2_ext.weights.centers import read_centers
from ppocrv2_ext.weights.load import load_pretrained

from ppocrv2_ext import config
from ppocrv2_ext.deploy.lines import resize_line
from ppocrv2_ext.deploy.pictures import load_image
from ppocrv2_ext.deploy.read import read_lines
from ppocrv2_ext.host import build_network, connect

WORDS, MODES = ("04", "17", "23", "35", "48", "59", "60", "92"), ("Train", "Eval")
COMMON = [
    "Global.use_gpu=false", "Global.distributed=false", "Global.seed=1", "Global.character_dict_path=characters.txt",
    "Global.save_epoch_step=10000", "Global.eval_batch_step=[0,600]", "Optimizer.lr={name: Const, learning_rate: 0.01}",
    *(f"{mode}.dataset.{value}" for mode in MODES for value in ("data_dir=words", "label_file_list=[words/words.txt]")),
    *(f"{mode}.dataset.transforms.RecResizeImg.image_shape=[3,32,64]" for mode in MODES),
    *(f"Train.dataset.transforms.RecAug.{d}_prob=0" for d in "tia crop reverse noise jitter blur hsv_aug".split()),
    *(f"{mode}.loader.{value}" for mode in MODES for value in ("num_workers=0", "batch_size_per_card=8")),
]  # fmt: skip


def narrow(network, channels, height, hidden):
    """Overrides for an LCNet of these blocks, which leave ``height`` rows to its last pool, and a narrow rest."""
    backbone = f"{network}.Backbone={{name: LCNet, scale: 0.5, channels: {channels}, last_pool: [{height}, 2]}}"
    return [backbone, f"{network}.Neck.hidden_size={hidden}", f"{network}.Head.mid_channels={hidden}"]


def draw_words():
    Path("characters.txt").write_text("".join(f"{digit}\n" for digit in range(10)), encoding="utf-8")
    for text in WORDS:
        image = np.full((32, 64, 3), 255, np.uint8)
        cv2.putText(image, text, (8, 26), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (0, 0, 0), 2)
        cv2.imwrite(f"words/{text}.png", image)
    Path("words/words.txt").write_text("".join(f"{text}.png\t{text}\n" for text in WORDS), encoding="utf-8")
    shutil.copy("words/48.png", "word.png")


def ppocrv2(*arguments):
    subprocess.run([sys.executable, "-m", "ppocrv2_ext", *arguments], check=True)


def train(built_in, overrides, name, config_name):
    """NAME.pdparams and NAME.states by PaddleOCR's trainer, and the config as it ran, without this machine's paths."""
    ppocrv2("train", "-c", built_in, "-o", *COMMON, *overrides, "Global.save_model_dir=out")
    for suffix in ("pdparams", "states"):
        shutil.move(f"out/latest.{suffix}", f"{name}.{suffix}")
    settled = Path("out/resolved.yml").read_text(encoding="utf-8").replace(f"{Path.cwd()}/", "")
    Path(config_name).write_text(settled, encoding="utf-8")
    shutil.rmtree("out")


def expected_of(name, config_name, images):
    """{key: array}: sha256 of every tensor's type, shape and bytes, and what the network gives for ``images``."""
    architecture = config.read(config_name)["Architecture"]
    for member in architecture.get("Models", {None: architecture}).values():
        member["Head"]["out_channels"] = 12  # blank, ten digits, space
    network = build_network(architecture)
    load_pretrained(network, name, minimum=1.0)
    network.eval()
    arrays = {key: value.numpy() for key, value in paddle.load(f"{name}.pdparams").items() if hasattr(value, "numpy")}
    sums = [hashlib.sha256(f"{a.dtype}{a.shape}".encode() + a.tobytes()).hexdigest() for a in arrays.values()]
    output = network(paddle.to_tensor(images))
    members = {f"{name}_{key}": each["head_out"] for key, each in output.items()} if name == "pair" else {name: output}
    outputs = {key: value.numpy() for key, value in members.items()}
    return {f"{name}_names": np.array(list(arrays), "S"), f"{name}_sha256": np.array(sums, "S"), **outputs}


if __name__ == "__main__":
    os.makedirs(f"{sys.argv[1]}/words")
    os.chdir(sys.argv[1])
    draw_words()
    single = [*narrow("Architecture", [8, 8, 8], 16, hidden=8), "Global.epoch_num=600"]
    train("rec/ch_PP-OCRv2_rec_enhanced_ctc_loss", single, "recognizer", "config.yml")
    student = narrow("Architecture.Models.Student", [8] * 13, 2, hidden=4)  # the last two with SE
    pair = [*student, *narrow("Architecture.Models.Teacher", [8, 8, 8], 16, hidden=4), "Global.epoch_num=3"]
    train("rec/ch_PP-OCRv2_rec_udml_center", pair, "pair", "pair.yml")
    weights = ["-c", "config.yml", "-o", "Global.pretrained_model=recognizer"]
    ppocrv2("centers", *weights, "--output", "centers.npz")
    ppocrv2("export", *weights, "--output", "exported", "--onnx")
    connect()
    images = np.stack([resize_line(load_image(f"words/{text}.png"), width=64) for text in ("48", "17")])
    graph = onnxruntime.InferenceSession("exported/inference.onnx", providers=["CPUExecutionProvider"])
    (reading,), centers = read_lines(["word.png"], "exported"), read_centers("centers.npz")
    found = {**expected_of("recognizer", "config.yml", images), **expected_of("pair", "pair.yml", images)}
    found.update(images=images, onnx=graph.run(None, {graph.get_inputs()[0].name: images})[0], text=reading.text)
    np.savez_compressed("expected.npz", **found, score=reading.score, centers=centers.centers, counts=centers.counts)
