"""Run by test_best_network.py in a process of its own: exports every network of two configs with several, and as ONNX.

Prints a line of JSON for each: {"config", "network", "difference": the largest between the outputs of the exported
network and of the one that it was taken from, "spread": of the outputs, from the smallest to the largest}
"""

import json
import sys
from pathlib import Path

import numpy as np
import paddle

from ppocrv2_ext.checkpoints.pdparams import write_checkpoint
from ppocrv2_ext.commands.export import export
from ppocrv2_ext.config import yaml_files
from ppocrv2_ext.deploy.engine import load_paddle_engine
from ppocrv2_ext.host import build_network, connect

CONFIGS = {
    "PP-OCRv6_tiny_rec_udml_center_finetune": (3, 48, 160),
    "PP-OCRv6_tiny_rec_udml_finetune": (3, 48, 160),
    "PP-OCRv6_tiny_det_cml_finetune": (3, 64, 64),
}
LETTERS = 12


def main():
    root = sys.argv[1]
    connect(root)
    folder = Path.cwd()
    (folder / "letters.txt").write_text("\n".join("abcdefghij") + "\n")
    for name, shape in CONFIGS.items():
        config = f"clone/{name}"
        architecture = yaml_files.read(yaml_files.locate(config))["Architecture"]
        for member in architecture["Models"].values():
            member["pretrained"] = None
            if member["model_type"] == "rec":
                member["Head"]["out_channels"] = LETTERS  # with blank and space
        paddle.seed(3)
        networks = build_network(architecture)
        draw_statistics(networks)
        file = write_checkpoint(networks.state_dict(), folder, name)
        networks.eval()
        image = np.random.default_rng(0).uniform(-1, 1, (1, *shape)).astype(np.float32)
        with paddle.no_grad():
            outputs = networks(paddle.to_tensor(image))
        for network in architecture["Models"]:
            options = [f"Global.pretrained_model={file}", "Global.use_gpu=false"]
            options += ["Global.character_dict_path=letters.txt"] if "_rec_" in name else []
            export(config, options, root, f"{name}/{network}", onnx=True, network=network)
            output = outputs[network]["maps" if "_det_" in name else "head_out"].numpy()
            found = load_paddle_engine(folder / name / network)(image)
            difference, spread = float(np.abs(found - output).max()), float(output.max() - output.min())
            print(json.dumps({"config": name, "network": network, "difference": difference, "spread": spread}))


def draw_statistics(networks):
    """Give every BatchNorm a random scale and statistics, as after a training."""
    for layer in networks.sublayers():
        if isinstance(layer, paddle.nn.BatchNorm2D):
            layer.weight.set_value(paddle.uniform(layer.weight.shape, min=0.5, max=1.5))
            layer._mean.set_value(paddle.uniform(layer._mean.shape, min=-0.1, max=0.1))
            layer._variance.set_value(paddle.uniform(layer._variance.shape, min=0.5, max=1.5))


if __name__ == "__main__":
    main()
