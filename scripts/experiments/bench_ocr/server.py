"""Write the server networks, ResNet18_vd for detection and ResNet34_vd for recognition, as ONNX with random weights.

    python scripts/experiments/bench_ocr/server.py --paddleocr CLONE --output DIR

Their speed does not depend on the weights. The architectures are those of PaddleOCR's own configs.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import yaml

CONFIGS = {
    "det": "configs/det/ch_ppocr_v2.0/ch_det_res18_db_v2.0.yml",
    "rec": "configs/rec/ch_ppocr_v2.0/rec_chinese_common_train_v2.0.yml",
}
CLASSES = 6625  # 6623 characters, blank and space
SIZES = {"det": [None, 3, None, None], "rec": [None, 3, 32, None]}


@click.command(help=__doc__.partition("\n")[0])
@click.option("--paddleocr", "clone", required=True, metavar="CLONE")
@click.option("--output", required=True, metavar="DIR")
def main(clone: str, output: str) -> None:
    import paddle

    from ppocrv2_ext.deploy.onnx_conversion import convert_to_onnx
    from ppocrv2_ext.host import build_network, connect

    connect(clone)
    for kind, name in CONFIGS.items():
        architecture = yaml.safe_load((Path(clone) / name).read_text(encoding="utf-8"))["Architecture"]
        if kind == "rec":
            architecture["Head"]["out_channels"] = CLASSES
        paddle.seed(7)
        network = build_network(architecture)
        network.eval()
        if hasattr(network.head, "export"):
            network.head.export = True
        with tempfile.TemporaryDirectory() as folder:
            spec = paddle.static.InputSpec(SIZES[kind], "float32")
            paddle.jit.save(paddle.jit.to_static(network, input_spec=[spec]), f"{folder}/inference")
            description = {"PreProcess": {"transform_ops": [{"DetResizeForTest": None}]}, "PostProcess": {"name": kind}}
            (Path(folder) / "inference.yml").write_text(yaml.safe_dump(description), encoding="utf-8")
            file = convert_to_onnx(folder, Path(output) / f"{kind}.onnx")
        click.echo(f"{file}: {file.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
