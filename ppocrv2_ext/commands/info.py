"""`info`: what this installation consists of."""

from __future__ import annotations

import importlib.util
import platform

import click

from .. import __version__
from ..packages import INSTALL_PADDLE, find_version
from ..registry import REGISTRIES

PACKAGES = ("numpy", "opencv-python", "albumentations", "onnxruntime", "paddle2onnx")


def info(directory: str | None = None) -> None:
    """Print which PaddleOCR is used, the versions, the devices and what is plugged in.

    Args:
        directory: a clone of PaddleOCR; None to look for one (:func:`ppocrv2_ext.host.find_host`).
    """
    ours = f"ppocrv2-ext  {__version__}, Python {platform.python_version()} on {platform.system()}"
    if importlib.util.find_spec("paddle") is None:  # the rest needs it
        click.echo(ours)
        click.echo(f"Paddle       not installed; {INSTALL_PADDLE}")
        _list_versions("paddleocr", *PACKAGES)
        return
    import paddle

    from ..host import connect

    host = connect(directory)
    devices = f"{paddle.device.cuda.device_count()} GPU" if paddle.is_compiled_with_cuda() else "CPU"
    click.echo(ours)
    click.echo(f"PaddleOCR    {host.kind} {host.version}, {host.root}")
    click.echo(f"Paddle       {paddle.__version__}, {devices}")
    _list_versions(*PACKAGES)
    if host.missing_packages:
        click.echo(f"completed    {', '.join(host.missing_packages)}")
    for registry in REGISTRIES:
        if registry:
            click.echo(f"plugged in   {registry.kind}: {', '.join(sorted(registry))}")


def _list_versions(*packages: str) -> None:
    for package in packages:
        click.echo(f"{package:12} {find_version(package) or 'not installed'}")
