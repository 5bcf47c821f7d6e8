"""`run` and `info`: any script of PaddleOCR, and what this installation consists of."""

import argparse
import platform
from importlib import metadata

import click

from .. import __version__
from ..registry import REGISTRIES
from .prepare import prepare_config, run_host_script


def run(script, arguments, directory=None):
    """Any script of PaddleOCR with the plugins in place; a config among its arguments is prepared first."""
    from ..host import connect
    from ..host.run import run_script

    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-c", "--config")
    parser.add_argument("-o", "--opt", nargs="+", action="extend", default=[])
    given, others = parser.parse_known_args(arguments)
    if given.config is None:
        run_script(connect(directory), script, arguments)
        return
    host, prepared = prepare_config(given.config, given.opt, directory)
    run_host_script(host, script, prepared, others)


def info(directory=None):
    """Host, versions, devices and plugged components."""
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
    if host.lacks:
        click.echo(f"completed    {', '.join(host.lacks)}")
    for registry in REGISTRIES:
        if registry:
            click.echo(f"plugged in   {registry.kind}: {', '.join(sorted(registry))}")
