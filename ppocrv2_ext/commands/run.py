"""`run`: any script of PaddleOCR."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..errors import UserError
from .prepare import prepare_config, run_host_script
from .weights_sources import warn_of_weights


def run(script: str, arguments: Sequence[str], directory: str | None = None) -> None:
    """Run any script of PaddleOCR with the plugins in place.

    Args:
        script: its path in PaddleOCR, such as ``tools/infer_rec.py``.
        arguments: the script's own. A config after ``-c``, with what follows ``-o``, is prepared as for the other
            commands.
        directory: a clone of PaddleOCR; None to look for one (:func:`ppocrv2_ext.host.find_host`).
    Raises:
        UserError: there is no such script, the config would not work, or the picture to read is missing.
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
        host, config = prepare_config(options.config, options.opt, directory, _find_command(script))
        if Path(script).name != "train.py":
            warn_of_weights(options.config, options.opt, config)
        picture = config["Global"].get("infer_img")
        if picture and Path(script).name.startswith("infer_") and not Path(picture).exists():
            raise UserError(f"Global.infer_img: there is no {picture}; name a picture or a folder of them.")
        run_host_script(host, script, config, others)


def _find_command(script: str) -> str | None:
    """The key of :data:`~.prepare.NOT_BUILT` for a script of PaddleOCR; None if it may build all of a config."""
    name = Path(script).name
    return "infer" if name.startswith("infer_") else {"eval.py": "eval", "export_model.py": "export"}.get(name)
