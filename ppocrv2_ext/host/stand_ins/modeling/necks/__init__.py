"""``build_neck``; stands in for ``ppocr/modeling/necks/__init__.py``."""

from paddle import nn

from ...component import build_component
from .db_fpn import DBFPN
from .rnn import SequenceEncoder

__all__ = ["build_neck"]

NECKS = {"DBFPN": DBFPN, "SequenceEncoder": SequenceEncoder}


def build_neck(config: dict) -> nn.Layer:
    """Build the neck of a network from the ``Neck`` section with ``in_channels`` added.

    Its ``out_channels`` is the width of its output.
    """
    return build_component("neck", NECKS, config)
