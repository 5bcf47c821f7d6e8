"""``build_neck``; stands in for ``ppocr/modeling/necks/__init__.py``."""

from ...component import build_component
from .db_fpn import DBFPN
from .rnn import SequenceEncoder

__all__ = ["build_neck"]

NECKS = {"DBFPN": DBFPN, "SequenceEncoder": SequenceEncoder}


def build_neck(config):
    """The neck; it has ``out_channels``."""
    return build_component("neck", NECKS, config)
