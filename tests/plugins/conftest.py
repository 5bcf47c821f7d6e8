"""Fixtures of the tests of plugins."""

import paddle
import pytest


@pytest.fixture(autouse=True)
def _seed():
    """Every test begins with the same state of Paddle's generator, whichever tests ran before it."""
    paddle.seed(7)


@pytest.fixture
def short_training(samples, tmp_path):
    """Overrides for two steps on the first pictures of a sample set: ``short_training("icdar2015_words", 6)``."""

    def make_overrides(sample_set, count):
        folder = samples / sample_set
        lines = (folder / "train.txt").read_text(encoding="utf-8-sig").splitlines()
        (tmp_path / "labels.txt").write_text("\n".join(lines[:count]) + "\n", encoding="utf-8")
        return [
            *(f"{mode}.dataset.data_dir={folder}" for mode in ("Train", "Eval")),
            *(f"{mode}.dataset.label_file_list=[labels.txt]" for mode in ("Train", "Eval")),
            *("Train.loader.num_workers=0", "Eval.loader.num_workers=0", f"Train.loader.batch_size_per_card={count}"),
            *("Global.use_gpu=false", "Global.epoch_num=2", "Global.print_batch_step=1"),
            *("Global.eval_batch_step=[0,2]", "Global.save_model_dir=out"),
        ]

    return make_overrides
