"""PaddleClas' PPLCNet, written from its published structure: parameters under the names they have there, and outputs.

It follows ``ppcls/arch/backbone/legendary_models/pp_lcnet.py`` and shares no code with it or with this package.
"""

import numpy as np
import paddle
import paddle.nn.functional as F

# PP-LCNet, arXiv:2109.15099, table 1: (kernel, output channels, stride, squeeze-and-excitation) of the blocks.
STAGES = {
    "blocks2": [(3, 32, 1, False)],
    "blocks3": [(3, 64, 2, False), (3, 64, 1, False)],
    "blocks4": [(3, 128, 2, False), (3, 128, 1, False)],
    "blocks5": [(3, 256, 2, False)] + [(5, 256, 1, False)] * 5,
    "blocks6": [(5, 512, 2, True), (5, 512, 1, True)],
}
# Widths of the stem and of the stages, by hand: the multiple of 8 nearest to scale times 16, 32, 64, 128, 256, 512.
WIDTHS = {
    0.25: (8, 8, 16, 32, 64, 128),
    0.35: (8, 16, 24, 48, 88, 176),
    0.5: (8, 16, 32, 64, 128, 256),
    0.75: (16, 24, 48, 96, 192, 384),
    1.0: (16, 32, 64, 128, 256, 512),
    1.5: (24, 48, 96, 192, 384, 768),
    2.0: (32, 64, 128, 256, 512, 1024),
    2.5: (40, 80, 160, 320, 640, 1280),
}
CLASSES = 10


def make_params(scale, seed=7):
    """{name: array} as PaddleClas saves a PPLCNet, with random values."""
    rng = np.random.default_rng(seed)
    params = {}

    def conv_norm(name, out, inputs, kernel):
        params[f"{name}.conv.weight"] = rng.normal(0, (2 / (inputs * kernel**2)) ** 0.5, (out, inputs, kernel, kernel))
        for part, low, high in (("weight", 0.5, 1.5), ("bias", -0.5, 0.5), ("_mean", -0.5, 0.5), ("_variance", 0.5, 2)):
            params[f"{name}.bn.{part}"] = rng.uniform(low, high, out)

    stem, *widths = WIDTHS[scale]
    conv_norm("conv1", stem, 3, 3)
    before = stem
    for (stage, blocks), width in zip(STAGES.items(), widths):
        for number, (kernel, _, _, squeeze) in enumerate(blocks):
            name = f"{stage}.{number}"
            conv_norm(f"{name}.dw_conv", before, 1, kernel)
            if squeeze:
                for conv, out, inputs in (("conv1", before // 4, before), ("conv2", before, before // 4)):
                    params[f"{name}.se.{conv}.weight"] = rng.normal(0, inputs**-0.5, (out, inputs, 1, 1))
                    params[f"{name}.se.{conv}.bias"] = rng.normal(0, 0.1, out)
            conv_norm(f"{name}.pw_conv", width, before, 1)
            before = width
    params["last_conv.weight"] = rng.normal(0, before**-0.5, (1280, before, 1, 1))
    params["fc.weight"] = rng.normal(0, 1280**-0.5, (1280, CLASSES))
    params["fc.bias"] = rng.normal(0, 0.1, CLASSES)
    return {name: value.astype("float32") for name, value in params.items()}


def compute(params, x):
    """(feature map, logits) of PaddleClas' PPLCNet in evaluation, by functions alone."""
    params = {name: paddle.to_tensor(value) for name, value in params.items()}

    def conv_norm(x, name, stride=1):
        weight = params[f"{name}.conv.weight"]
        groups = x.shape[1] // weight.shape[1]
        x = F.conv2d(x, weight, stride=stride, padding=weight.shape[2] // 2, groups=groups)
        mean, variance, scale, shift = (
            params[f"{name}.bn.{part}"] for part in ("_mean", "_variance", "weight", "bias")
        )
        return F.hardswish(F.batch_norm(x, mean, variance, scale, shift))

    def gate(x, name):
        hidden = F.relu(
            F.conv2d(x.mean([2, 3], keepdim=True), params[f"{name}.conv1.weight"], params[f"{name}.conv1.bias"])
        )
        return x * F.hardsigmoid(F.conv2d(hidden, params[f"{name}.conv2.weight"], params[f"{name}.conv2.bias"]))

    x = conv_norm(x, "conv1", stride=2)
    for stage, blocks in STAGES.items():
        for number, (_, _, stride, squeeze) in enumerate(blocks):
            name = f"{stage}.{number}"
            x = conv_norm(x, f"{name}.dw_conv", stride)
            x = conv_norm(gate(x, f"{name}.se") if squeeze else x, f"{name}.pw_conv")
    hidden = F.hardswish(F.conv2d(x.mean([2, 3], keepdim=True), params["last_conv.weight"])).flatten(1)
    return x, 0.8 * hidden @ params["fc.weight"] + params["fc.bias"]  # 0.8: dropout of 0.2, "downscale_in_infer"
