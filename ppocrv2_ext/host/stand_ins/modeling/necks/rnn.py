"""From a feature map of height 1 to a sequence; stands in for ``ppocr/modeling/necks/rnn.py``.

Shapes: B lines, C channels, T frames (the width of the map), D features per frame.
"""

from __future__ import annotations

from paddle import Tensor, nn

from ppocrv2_ext.errors import UserError, did_you_mean

ENCODERS = ("reshape", "rnn")


class BidirectionalLSTM(nn.Layer):
    """Two bidirectional LSTM layers: (B, T, C) -> (B, T, 2 * hidden_size)."""

    def __init__(self, in_channels: int, hidden_size: int):
        super().__init__()
        self.lstm = nn.LSTM(in_channels, hidden_size, direction="bidirectional", num_layers=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.lstm(x)[0]


class SequenceEncoder(nn.Layer):
    """The columns of a feature map as a sequence of frames, with or without an LSTM over them.

    Args:
        in_channels: Channels of the map.
        encoder_type: "reshape" for the columns as they are, "rnn" for two bidirectional LSTM layers over them.
        hidden_size: Width of each direction of the "rnn"; no effect on "reshape".
    """

    def __init__(self, in_channels: int, encoder_type: str, hidden_size: int = 48):
        super().__init__()
        if encoder_type not in ENCODERS:
            raise UserError(
                f"neck 'SequenceEncoder' has no `encoder_type` {encoder_type!r} in this PaddleOCR"
                f"{did_you_mean(encoder_type, ENCODERS)}"
            )
        rnn = encoder_type == "rnn"
        self.encoder = BidirectionalLSTM(in_channels, hidden_size) if rnn else None
        self.out_channels = 2 * hidden_size if rnn else in_channels

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, 1, T) -> (B, T, D)."""
        if x.shape[2] != 1:
            raise ValueError(
                f"the feature map must have height 1, got {x.shape[2]}: text lines must be 32 pixels high."
            )
        x = x.squeeze(2).transpose([0, 2, 1])
        return x if self.encoder is None else self.encoder(x)
