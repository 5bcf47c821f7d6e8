"""Run by test_merging.py in a process of its own: prints a line of JSON for every newer model.

{"model": [kind, name], "difference": the largest between the outputs of the network and of the published file,
 "choices": the share of frames in which both have the same best class, of a recognizer}
or {"model", "missing": why it cannot be measured}
"""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import paddle

from ppocrv2_ext.checkpoints import inference_graph, published
from ppocrv2_ext.config import yaml_files
from ppocrv2_ext.data.dictionary import read_dictionary
from ppocrv2_ext.data.line_pixels import natural_width, resize_line
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.host import build_network, connect
from ppocrv2_ext.host.components import catalog
from ppocrv2_ext.host.networks import merging

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def read_inputs(samples, kind):
    """Real words at their own widths, or real scenes at half their size, each (1, 3, H, W) float32."""
    if kind == "rec":
        words = [cv2.imread(str(file)) for file in sorted((samples / "icdar2015_words").glob("*/*.png"))]
        return [resize_line(word, 48, natural_width(word, 48))[None] for word in words]
    scenes = [cv2.imread(str(file)) for file in sorted((samples / "icdar2015_scenes" / "test").glob("*.jpg"))]
    small = [(cv2.resize(scene, (640, 352)) / 255 - MEAN) / STD for scene in scenes]
    return [scene.transpose(2, 0, 1)[None].astype(np.float32) for scene in small]


def build(kind, model, architecture):
    """The network of a model with the weights of its published file."""
    network = build_network(architecture)
    network.eval()
    used = merging.list_parameters_in_order(network, [3, 48, 320] if kind == "rec" else [3, 160, 160])
    state = network.state_dict()
    file = published.require(model)
    for key, array in inference_graph.pair_in_order(inference_graph.read_in_order(file), used).items():
        state[key].set_value(array)
    return network


def read_architecture(root, kind, model):
    """The ``Architecture`` of the config of a model, for the network as it is published."""
    settings = yaml_files.read(yaml_files.locate(model.config))
    architecture = {**settings["Architecture"], "freeze_norm": False, "restore_norm": False}
    if kind == "rec":
        classes = read_dictionary(root / settings["Global"]["character_dict_path"])
        architecture["Head"] = {**architecture["Head"], "out_channels": len(classes)}
    return architecture


def measure(network, kind, model, inputs):
    """What is printed about a model: the differences of its outputs for real pictures."""
    session = onnxruntime.InferenceSession(str(published.locate(model)), providers=["CPUExecutionProvider"])
    differences, choices = [], []
    for each in inputs:
        with paddle.no_grad():
            ours = network(paddle.to_tensor(each))
        ours = (ours["maps"] if kind == "det" else ours).numpy()
        theirs = session.run(None, {session.get_inputs()[0].name: each})[0]
        differences.append(float(np.abs(ours - theirs).max()))
        choices.append(float((ours.argmax(-1) == theirs.argmax(-1)).mean()))
    return {"difference": max(differences), **({"choices": min(choices)} if kind == "rec" else {})}


def find_obstacle(model, architecture):
    """Why a model cannot be measured here, or None."""
    backbone = architecture["Backbone"]["name"]
    if backbone not in catalog.names("backbone"):
        return f"the clone has no {backbone}"
    try:
        published.locate(model)
    except UserError as error:
        return str(error)
    return None


def main():
    root, samples = connect(sys.argv[1]).root, Path(sys.argv[2])
    inputs = {kind: read_inputs(samples, kind) for kind in ("rec", "det")}
    for (kind, name), model in published.PUBLISHED.items():
        if name == "v2":
            continue
        obstacle = find_obstacle(model, architecture := read_architecture(root, kind, model))
        found = {"missing": obstacle}
        if obstacle is None:
            found = measure(build(kind, model, architecture), kind, model, inputs[kind])
        print(json.dumps({"model": [kind, name], **found}), flush=True)


if __name__ == "__main__":
    main()
