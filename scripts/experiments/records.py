"""Measurements on disk: JSON files, and the commit, the versions and the machine that a number came from."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from ppocrv2_ext.files import PathLike, atomic_write
from ppocrv2_ext.packages import find_version


def write_json(path: PathLike, content: Any) -> None:
    """Write ``content`` to ``path``, whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: PathLike) -> Any:
    """The content of a JSON file, None if there is no such file."""
    path = Path(path)
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def provenance() -> dict:
    """Where a number comes from.

    Returns:
        dict of commit ("" outside a clone; it ends in "+changes" if a file was changed after it), versions
        ({package: version}) and machine.
    """
    here = Path(__file__).resolve().parent
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True)
    changes = subprocess.run(["git", "status", "--porcelain", "-uno"], cwd=here, capture_output=True, text=True)
    versions = {name: find_version(name) for name in ("paddlepaddle", "paddlepaddle-gpu", "paddleocr")}
    return {
        "commit": commit.stdout.strip() + ("+changes" if changes.stdout.strip() else ""),
        "versions": {name: version for name, version in versions.items() if version},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }
