"""Run by test_frame_count.py in a process of its own: compares measured frames with those that the CTC heads read.

Prints a line of JSON for each different recognizer of the clone's configs, and of ours for a clone, that CTC trains:
{"config", "measured": {mode: frames}, "read": {mode: frames}, "needed": a number above, "after": the frames with the
advice for that many, or null where the advice names no width}, or {"config", "notes"} for one that does not build.
"""

import copy
import json
import re
import sys
from pathlib import Path

import paddle
import yaml

from ppocrv2_ext.config.networks import networks, trainable_networks
from ppocrv2_ext.data.line_frames import suggest_width
from ppocrv2_ext.data.line_shapes import list_line_shapes
from ppocrv2_ext.host import build_network, connect
from ppocrv2_ext.host.networks import frame_count

OURS = Path(__file__).resolve().parents[3] / "configs" / "clone"
CLASSES, LONGEST = 12, 5


def read_frames(config, mode):
    """The fewest frames that the CTC heads of the networks get, run whole as PaddleOCR's trainer runs them."""
    counts = []
    shapes = [lines.shape for lines in list_line_shapes(config, mode)]
    for name in trainable_networks(config["Architecture"]):
        section = copy.deepcopy(networks(config["Architecture"])[name])
        decoders = ("CTCLabelDecode", "SARLabelDecode", "NRTRLabelDecode")
        section["Head"].update({"out_channels": CLASSES, "out_channels_list": dict.fromkeys(decoders, CLASSES)})
        for option in ("pretrained", "freeze_params", "merged", "restore_norm"):
            section.pop(option, None)
        if section["Head"]["name"] != "MultiHead":
            section["Head"].pop("out_channels_list")
        with paddle.utils.unique_name.guard():  # some backbones name their tensors, and no two may have the same name
            network = build_network(section)
        for layer in network.sublayers():
            if type(layer).__name__ in ("CTCHead", "CenterCTCHead"):
                layer.register_forward_pre_hook(lambda _, inputs: counts.append(inputs[0].shape[1]))
        (network.train if mode == "Train" else network.eval)()
        # the labels of both branches, then the lengths and the used share of the width
        texts = paddle.ones([1, 27], dtype="int64")
        with paddle.no_grad():
            for shape in shapes:
                network(paddle.rand([1, *shape]), [texts, texts, paddle.to_tensor([LONGEST]), paddle.ones([1])])
    return min(counts)


def follow_advice(config, advice):
    """The frames in training of ``config`` changed as ``advice`` says; None if it names no width."""
    width = re.search(r"set the width in (\S+) to (\d+)", advice)
    if not width:
        return None
    config = copy.deepcopy(config)
    key, width = width[1], int(width[2])
    if "frames_by_width" in advice:
        for section in networks(config["Architecture"]).values():
            section["frames_by_width"] = True
    left_out = re.search(r"without the scales of height (\d+(?:, \d+)*)", advice)
    heights = left_out[1].split(", ") if left_out else []
    if key == "Train.sampler.scales":
        scales = config["Train"]["sampler"]["scales"]
        config["Train"]["sampler"]["scales"] = [[width, height] for _, height in scales if str(height) not in heights]
    elif key == "Train.sampler.max_w":
        config["Train"]["sampler"]["max_w"] = width
    else:
        for entry in config["Train"]["dataset"]["transforms"]:
            for name, options in entry.items():
                if f"{name}.image_shape" == key:
                    options["image_shape"][-1] = width
    return frame_count.measure_frames(config, ("Train",))[0]["Train"].number


def main():
    root = connect(sys.argv[1]).root
    seen = []
    for file in [*sorted(root.glob("configs/rec/**/*.y*ml")), *sorted(OURS.glob("*rec*.yml"))]:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
        config.setdefault("Eval", config["Train"])
        lines = [list_line_shapes(config, mode) for mode in ("Train", "Eval")]
        form = [config["Architecture"], lines]
        if form in seen or not frame_count.is_read_by_ctc(config["Train"]["dataset"]) or [] in lines:
            continue
        seen.append(copy.deepcopy(form))
        measured, notes = frame_count.measure_frames(config, ("Train", "Eval"))
        if notes:
            print(json.dumps({"config": file.stem, "notes": notes}), flush=True)
            continue
        needed = measured["Train"].number + 9
        line = {
            "config": file.stem,
            "measured": {mode: each.number for mode, each in measured.items()},
            "read": {mode: read_frames(config, mode) for mode in measured},
            "needed": needed,
            "after": follow_advice(config, suggest_width(measured["Train"], needed)),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
