"""Run by test_merging.py in a process of its own: prints a line of JSON for every newer model whose package is there.

{"model": [kind, name], "difference": largest difference between the outputs of the network and of the published file}
"""

import json
import sys

import numpy as np
import onnxruntime
import paddle

from ppocrv2_ext.checkpoints import inference_graph, published
from ppocrv2_ext.config import yaml_files
from ppocrv2_ext.data.dictionary import read_dictionary
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.host import build_network, connect
from ppocrv2_ext.host.networks import merging


def measure(root, kind, model):
    """The largest difference of the outputs for one random image."""
    file = published.require(model)
    settings = yaml_files.read(yaml_files.locate(model.config))
    architecture = {**settings["Architecture"], "freeze_norm": False, "restore_norm": False}
    if kind == "rec":
        classes = read_dictionary(root / settings["Global"]["character_dict_path"])
        architecture["Head"] = {**architecture["Head"], "out_channels": len(classes)}
    network = build_network(architecture)
    network.eval()
    shape = [3, 48, 320] if kind == "rec" else [3, 160, 160]
    used = merging.list_parameters_in_order(network, shape)
    state = network.state_dict()
    for key, array in inference_graph.pair_in_order(inference_graph.read_in_order(file), used).items():
        state[key].set_value(array)
    image = np.random.default_rng(0).uniform(-1, 1, (1, *shape)).astype(np.float32)
    ours = network(paddle.to_tensor(image))
    ours = ours["maps"] if kind == "det" else ours
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    theirs = session.run(None, {session.get_inputs()[0].name: image})[0]
    return float(np.abs(ours.numpy() - theirs).max())


def main():
    root = connect(sys.argv[1]).root
    for (kind, name), model in published.PUBLISHED.items():
        if name == "v2":
            continue
        try:
            print(json.dumps({"model": [kind, name], "difference": measure(root, kind, model)}), flush=True)
        except UserError as error:
            print(json.dumps({"model": [kind, name], "missing": str(error)}), flush=True)


if __name__ == "__main__":
    main()
