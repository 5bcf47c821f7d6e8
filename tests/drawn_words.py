"""Eight drawn words, and a training of two narrow networks on them that takes seconds."""

import cv2
import numpy as np

WORDS = ("cat", "on", "mat", "sat", "to", "act", "moa", "ant")
NARROW = ("Backbone.scale=0.25", "Neck.hidden_size=8", "Head.mid_channels=8", "freeze_norm=true")


def draw_words(folder):
    """Draw the words into ``folder``.

    Returns overrides for ``rec/ch_PP-OCRv2_rec_udml_center``: two narrow networks, without a random change, two epochs
    of two steps on the CPU.
    """
    for word in WORDS:
        image = np.full((32, 64, 3), 255, np.uint8)
        cv2.imwrite(str(folder / f"{word}.png"), cv2.putText(image, word, (4, 24), 0, 0.8, (0, 0, 0), 2))
    (folder / "words.txt").write_text("".join(f"{word}.png\t{word}\n" for word in WORDS), encoding="utf-8")
    (folder / "letters.txt").write_text("\n".join(sorted(set("".join(WORDS)))) + "\n", encoding="utf-8")
    off = [f"Train.dataset.transforms.RecAug.{name}_prob=0" for name in "tia crop reverse noise jitter blur".split()]
    return [
        *(f"{mode}.dataset.data_dir={folder}" for mode in ("Train", "Eval")),
        *(f"{mode}.dataset.label_file_list=[words.txt]" for mode in ("Train", "Eval")),
        *(f"{mode}.dataset.transforms.RecResizeImg.image_shape=[3,32,64]" for mode in ("Train", "Eval")),
        *(f"Architecture.Models.{name}.{part}" for name in ("Student", "Teacher") for part in NARROW),
        *(*off, "Train.dataset.transforms.RecAug.hsv_aug_prob=0"),
        *("Train.loader.num_workers=0", "Eval.loader.num_workers=0", "Train.loader.batch_size_per_card=4"),
        *("Global.use_gpu=false", "Global.epoch_num=2", "Global.print_batch_step=1", "Global.eval_batch_step=[0,1000]"),
        *("Global.character_dict_path=letters.txt", "Global.use_space_char=false", "Global.save_epoch_step=1"),
        *("Global.save_model_dir=out", "Optimizer.lr.warmup_epoch=0"),
    ]
