"""`run` and `info`: any script of PaddleOCR, and what this installation consists of."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Sequence
from importlib import metadata

import click

from .. import __version__
from ..registry import REGISTRIES
from .prepare import prepare_config, run_host_script


def run(script: str, arguments: Sequence[str], directory: str | None = None) -> None:
    """Run any script of PaddleOCR with the plugins in place.

    Args:
        script: its path in PaddleOCR, such as ``tools/infer_rec.py``.
        arguments: the script's own. A config after ``-c``, with what follows ``-o``, is prepared as for the other
            commands.
        directory: a clone of PaddleOCR; None to look for one (:func:`ppocrv2_ext.host.find_host`).
    Raises:
        UserError: there is no such script, or the config would not work.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-c", "--config")
    parser.add_argument("-o", "--opt", nargs="+", action="extend", default=[])
    options, others = parser.parse_known_args(arguments)
    if options.config is None:
        from ..host import connect
        from ..host.run import run_script

        run_script(connect(directory), script, arguments)
    else:
        host, config = prepare_config(options.config, options.opt, directory)
        run_host_script(host, script, config, others)


def info(directory: str | None = None) -> None:
    """Print which PaddleOCR is used, the versions, the devices and what is plugged in.

    Args:
        directory: a clone of PaddleOCR; None to look for one (:func:`ppocrv2_ext.host.find_host`).
    """
    import paddle

    from ..host import connect

    host = connect(directory)
    devices = f"{paddle.device.cuda.device_count()} GPU" if paddle.is_compiled_with_cuda() else "CPU"
    click.echo(f"ppocrv2-ext  {__version__}, Python {platform.python_version()} on {platform.system()}")
    click.echo(f"PaddleOCR    {host.kind} {host.version}, {host.root}")
    click.echo(f"Paddle       {paddle.__version__}, {devices}")
    for package in ("numpy", "opencv-python", "albumentations", "onnxruntime", "paddle2onnx"):
        try:
            click.echo(f"{package:12} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            click.echo(f"{package:12} not installed")
    if host.missing_packages:
        click.echo(f"completed    {', '.join(host.missing_packages)}")
    for registry in REGISTRIES:
        if registry:
            click.echo(f"plugged in   {registry.kind}: {', '.join(sorted(registry))}")
