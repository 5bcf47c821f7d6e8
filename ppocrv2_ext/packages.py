"""Which packages this interpreter has."""

from __future__ import annotations

from importlib import metadata


def find_version(*packages: str) -> str | None:
    """The version of the first of these packages that is installed; None if none is."""
    for package in packages:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return None
