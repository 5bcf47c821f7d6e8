"""What may be loaded into a network that PaddleOCR has built."""

import paddle
import pytest
from paddle import nn

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.host.networks import save_load
from ppocrv2_ext.plugins.restored_norm import restore_norm


def build():
    return nn.Sequential(("backbone", nn.Sequential(nn.Conv2D(3, 4, 3))))


def test_a_checkpoint_with_restored_batch_norm_does_not_go_on_without(tmp_path):
    """All tensors of the network are there, and without the others it would read nothing."""
    trained = build()
    restore_norm(trained, ["backbone"], (3, 12, 16))
    paddle.save(trained.state_dict(), str(tmp_path / "latest.pdparams"))
    load = save_load.check_load(lambda config, model, optimizer=None: {})
    config = {"Global": {"checkpoints": str(tmp_path / "latest")}, "Architecture": {}}
    with pytest.raises(UserError, match=r"latest\.pdparams has BatchNorm .* say `Architecture.restore_norm: true`"):
        load(config, build())
