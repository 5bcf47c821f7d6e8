"""Run by test_weights_from_exports.py: a network with random weights is exported, and `weights --from` takes it back.

Arguments: kind, version, the clone. A recognizer has the dictionary ``letters.txt``. A line of JSON is printed:
{"difference": largest difference of the outputs of the exported ONNX file and of the network with the weights,
"names": whether the weights are those of the published form}
"""

import json
import sys

import numpy as np
import onnxruntime
import paddle

from ppocrv2_ext import commands
from ppocrv2_ext.checkpoints import pdparams, published
from ppocrv2_ext.config import yaml_files
from ppocrv2_ext.data.dictionary import read_dictionary
from ppocrv2_ext.host import build_network, connect

SWITCHES = {"freeze_norm": False, "restore_norm": True}
SHAPES = {"rec": (1, 3, 48, 320), "det": (1, 3, 160, 160)}


def main(kind, version, clone):
    connect(clone)
    paddle.seed(1)
    model = published.find(kind, version)
    architecture = {**yaml_files.read(yaml_files.locate(model.config))["Architecture"], **SWITCHES}
    if kind == "rec":
        architecture["Head"]["out_channels"] = len(read_dictionary("letters.txt"))
    state = build_network(architecture).state_dict()
    norms = [name for name in state if ".norm." in name]
    assert norms
    for name in norms:
        state[name].set_value(state[name] * paddle.uniform(state[name].shape, min=0.9, max=1.1) + 0.01)
    pdparams.write_checkpoint(state, ".", "latest", "letters.txt" if kind == "rec" else None)
    options = [f"Architecture.{name}={str(value).lower()}" for name, value in SWITCHES.items()]
    options += ["Global.pretrained_model=latest", "Global.use_gpu=false"]
    options += ["Global.character_dict_path=letters.txt"] if kind == "rec" else []
    commands.export.export(model.config, options, clone, "model", onnx=True)
    commands.weights.weights(kind, "out", "model/inference.onnx", None, clone, version)

    network = build_network({**architecture, "merged": True, "restore_norm": False})  # the exporter merges all parts
    params = pdparams.read_params(f"out/{model.checkpoint}")
    network.set_state_dict(params)
    network.eval()
    image = np.random.default_rng(0).uniform(-1, 1, SHAPES[kind]).astype(np.float32)
    ours = network(paddle.to_tensor(image))
    ours = (ours["maps"] if kind == "det" else ours).numpy()
    session = onnxruntime.InferenceSession("model/inference.onnx", providers=["CPUExecutionProvider"])
    theirs = session.run(None, {session.get_inputs()[0].name: image})[0]
    difference = float(np.abs(ours - theirs).max())
    print(json.dumps({"difference": difference, "names": params.keys() <= network.state_dict().keys()}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
