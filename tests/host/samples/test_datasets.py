"""PaddleOCR's data loop names each broken file once. It never hangs, recurses without end or counts a sample twice."""

import copy
import gc
import json
import logging
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

SQUARE = [[4, 4], [24, 4], [24, 14], [4, 14]]
BAND = [[4, 4], [14, 6], [24, 4], [24, 14], [14, 16], [4, 14]]  # six points
COPY_PASTE = {"TextCopyPaste": {"seed": 0, "min_size": 4}}


CLONE = os.environ.get("TESTED_CLONE")  # set where this file runs for a clone of PaddleOCR


@pytest.fixture
def data():
    from ppocrv2_ext.host import connect
    from ppocrv2_ext.host.samples import datasets

    connect(CLONE)
    datasets._logged_paths.clear()
    return datasets


@pytest.fixture
def logged(data):
    """A logger and the list of what was said to it."""
    said = []
    logger = logging.Logger("ppocr")
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logger.addHandler(handler)
    return logger, said


def write(folder, **files):
    """A label file of ``name=polygon`` or ``name=text``: pictures of 30 x 20, grey values 10, 20, ...."""
    lines = []
    for number, (name, polygon) in enumerate(files.items(), 1):
        cv2.imwrite(str(folder / f"{name}.png"), np.full((20, 30, 3), 10 * number, np.uint8))
        label = polygon if isinstance(polygon, str) else json.dumps([{"transcription": name, "points": polygon}])
        lines.append(f"{name}.png\t{label}")
    (folder / "labels.txt").write_text("\n".join(lines), encoding="utf-8")


def config(folder, *transforms, mode="Train", keep=("image",), name="SimpleDataSet", batch=1, workers=0):
    decode = {"DecodeImage": {"img_mode": "BGR", "channel_first": False}}
    transforms = [decode, *transforms, {"KeepKeys": {"keep_keys": list(keep)}}]
    dataset = {"name": name, "data_dir": str(folder), "label_file_list": [str(folder / "labels.txt")]}
    loader = {"shuffle": False, "drop_last": False, "batch_size_per_card": batch, "num_workers": workers}
    return {"Global": {}, mode: {"dataset": {**dataset, "transforms": transforms}, "loader": loader}}


def dataset(folder, *transforms, logger, mode="Train", **options):
    import ppocr.data

    made = config(folder, *transforms, mode=mode, **options)
    return getattr(ppocr.data, made[mode]["dataset"]["name"])(made, mode, logger, seed=0)


def loader(folder, *transforms, logger, mode="Train", **options):
    from ppocr.data import build_dataloader

    return build_dataloader(config(folder, *transforms, mode=mode, **options), mode, "cpu", logger, seed=0)


def greys(batches):
    return [int(image[0, 0, 0]) for batch in batches for image in batch[0].numpy()]


def spoil(folder, *names):
    for name in names:
        (folder / f"{name}.png").write_bytes(b"not a picture")


def test_a_sample_is_the_same_as_in_paddleocr(data, logged, tmp_path):
    from ppocr.data.simple_dataset import SimpleDataSet

    write(tmp_path, a="x", b="y")
    ours = dataset(tmp_path, logger=logged[0])
    assert all((ours[index][0] == SimpleDataSet.__getitem__(ours, index)[0]).all() for index in range(2))


def test_a_loop_over_a_dataset_ends_after_its_last_sample(data, logged, tmp_path):
    write(tmp_path, a="x", b="y")
    assert len(list(dataset(tmp_path, logger=logged[0]))) == 2


def test_in_training_another_sample_replaces_a_broken_one(data, logged, tmp_path):
    write(tmp_path, a="x", b="y", c="z")
    spoil(tmp_path, "a")
    found = dataset(tmp_path, logger=logged[0])
    assert sorted({int(found[index][0][0, 0, 0]) for index in range(3)}) == [20, 30]


def test_training_on_broken_samples_only_ends_and_names_the_first(data, logged, tmp_path):
    write(tmp_path, a="x", b="y")
    spoil(tmp_path, "a", "b")
    with pytest.raises(data.SampleError, match=r"^100 samples in a row .* first is [ab].png: it cannot be decoded"):
        dataset(tmp_path, logger=logged[0])[0]


def test_in_evaluation_a_broken_sample_is_an_error_that_names_the_file(data, logged, tmp_path):
    write(tmp_path, a="x", b="y")
    spoil(tmp_path, "a")
    found = dataset(tmp_path, logger=logged[0], mode="Eval")
    with pytest.raises(data.SampleError, match="^a.png: it cannot be decoded"):
        found[0]


def test_every_failing_file_is_logged_once_in_one_sentence(data, logged, tmp_path):
    write(tmp_path, a="x", b="y", c="z")
    spoil(tmp_path, "a", "b")
    logger, said = logged
    found = dataset(tmp_path, logger=logger)
    said.clear()
    for _ in range(5):
        _ = [found[index] for index in range(3)]
    assert sorted(said) == [f"not used: {name}.png: it cannot be decoded as an image" for name in "ab"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"missing.png\tx", "missing.png: .*missing.png does not exist"),
        (b"empty.png\tx", "empty.png: DecodeImage failed: AssertionError: invalid input"),
        (b"a.png", "a.png: its line has no label"),
        (b"a.png\t\xff", "a line of the label file: its line is not UTF-8"),
        (b"a.png\t[{]", "a.png: DetLabelEncode failed: JSONDecodeError: Expecting"),
        (b"a.png\t[]", "a.png: its label has no text region"),
    ],
)
def test_the_reason_is_given_in_plain_words(data, logged, tmp_path, line, reason):
    write(tmp_path, a=SQUARE)
    (tmp_path / "empty.png").touch()
    (tmp_path / "labels.txt").write_bytes(line)
    with pytest.raises(data.SampleError, match=f"^{reason}"):
        dataset(tmp_path, {"DetLabelEncode": None}, logger=logged[0], mode="Eval")[0]


def test_a_transform_that_returns_none_is_named(data, logged, tmp_path):
    class Picky:
        def __call__(self, data):
            return None

    write(tmp_path, a="x")
    found = dataset(tmp_path, logger=logged[0], mode="Eval")
    found.ops.insert(1, Picky())
    with pytest.raises(data.SampleError, match="^a.png: Picky leaves it out"):
        found[0]


def test_ctrl_c_is_not_counted_as_a_broken_sample(data, logged, tmp_path, monkeypatch):
    def interrupted(data):
        raise KeyboardInterrupt

    write(tmp_path, a="x")
    found = dataset(tmp_path, logger=logged[0])
    found.ops = [interrupted]
    with pytest.raises(KeyboardInterrupt):
        found[0]


def pasted(folder, logger, **options):
    return dataset(folder, {"DetLabelEncode": None}, COPY_PASTE, logger=logger, keep=("image", "polys"), **options)


def others(dataset, file):
    """The other pictures for a transform while ``file`` is being read."""
    dataset.file = file
    return dataset.get_ext_data()


def test_copy_paste_never_gets_the_picture_itself_if_there_is_another(data, logged, tmp_path):
    write(tmp_path, a=SQUARE, b=SQUARE)
    found = pasted(tmp_path, logged[0])
    attempts = [others(found, "a.png")[0]["img_path"] for _ in range(50)]
    assert set(attempts) == {str(tmp_path / "b.png")}


def test_copy_paste_that_never_pastes_reads_no_other_picture_and_draws_no_number(data, logged, tmp_path):
    write(tmp_path, a=SQUARE, b=SQUARE)
    spoil(tmp_path, "b")
    off = {"TextCopyPaste": {"seed": 0, "p": 0}}
    found = dataset(tmp_path, {"DetLabelEncode": None}, off, logger=logged[0], keep=("image", "polys"))
    state = str(np.random.get_state())
    assert found.read(int(b"a.png" not in found.data_lines[0])).other_failures == []
    assert str(np.random.get_state()) == state


def test_copy_paste_gets_the_picture_itself_if_there_is_only_one(data, logged, tmp_path):
    write(tmp_path, a=SQUARE)
    assert len(pasted(tmp_path, logged[0]).get_ext_data()) == 1
    assert len(others(pasted(tmp_path, logged[0]), "a.png")) == 1


def test_the_other_picture_may_have_polygons_of_any_number_of_points(data, logged, tmp_path):
    write(tmp_path, a=SQUARE, b=BAND)
    (other,) = others(pasted(tmp_path, logged[0]), "a.png")
    assert other["polys"].shape == (1, 6, 2)


def test_paddleocrs_own_copy_paste_still_gets_four_points(data, logged, tmp_path):
    write(tmp_path, a=SQUARE, b=BAND, c=SQUARE)
    found = dataset(tmp_path, {"DetLabelEncode": None}, {"CopyPaste": None}, logger=logged[0])
    attempts = [others(found, "a.png")[0]["img_path"] for _ in range(20)]
    assert set(attempts) == {str(tmp_path / "c.png")}


def test_if_all_other_pictures_are_broken_they_are_named_and_nothing_is_pasted(data, logged, tmp_path):
    write(tmp_path, a=SQUARE, b=SQUARE, c=SQUARE)
    spoil(tmp_path, "b", "c")
    found = pasted(tmp_path, logged[0])
    _, polygons = found[0] if b"a.png" in found.data_lines[0] else found[1]
    assert len(polygons) == 1
    assert {"b.png", "c.png"} <= {failure.split(": ")[1] for failure in logged[1] if "not used" in failure}


def test_numpys_seed_decides_the_other_picture(data, logged, tmp_path):
    write(tmp_path, **dict.fromkeys("abcdefgh", SQUARE))
    found = pasted(tmp_path, logged[0])
    runs = []
    for seed in (1, 1, 2):
        np.random.seed(seed)
        runs.append([found.get_ext_data()[0]["img_path"] for _ in range(8)])
    assert runs[0] == runs[1] != runs[2]


def test_if_no_other_picture_is_refused_they_are_drawn_as_in_paddleocr(data, logged, tmp_path):
    from ppocr.data.simple_dataset import SimpleDataSet

    write(tmp_path, **dict.fromkeys("abcdefgh", SQUARE))
    found = pasted(tmp_path, logged[0])
    np.random.seed(3)
    ours = [found.get_ext_data()[0]["img_path"] for _ in range(8)]
    np.random.seed(3)
    assert ours == [f"{tmp_path}/{name}" for name in lines(found, np.random.randint(8, size=8))]
    np.random.seed(3)
    assert ours == [SimpleDataSet.get_ext_data(found)[0]["img_path"] for _ in range(8)]


@pytest.mark.parametrize("ratio", [1.0, 0.5])
def test_where_nothing_fails_the_random_draws_are_those_of_paddleocr(data, logged, tmp_path, ratio):
    import random

    from ppocr.data.simple_dataset import SimpleDataSet

    write(tmp_path, **dict.fromkeys("abcdefgh", SQUARE))
    settings = config(tmp_path, {"DetLabelEncode": None}, keep=("image", "drawn"))
    settings["Train"]["dataset"]["ratio_list"] = [ratio]
    runs = []
    for kind in (SimpleDataSet, type(dataset(tmp_path, logger=logged[0]))):
        made = kind(copy.deepcopy(settings), "Train", logged[0], seed=3)
        made.ops.insert(1, lambda sample: {**sample, "drawn": (random.random(), np.random.random())})
        random.seed(4)
        np.random.seed(5)
        runs.append([sample[1] for sample in made])
    assert len(set(runs[0])) == 8 * ratio
    assert runs[0] == runs[1]


@pytest.mark.parametrize("name", ["SimpleDataSet", "LMDBDataSet", "PubTabDataSet"])
def test_an_evaluation_draws_the_same_lines_whatever_the_seed_and_a_training_others(data, logged, tmp_path, name):
    from ppocr.data import build_dataloader

    write(tmp_path, **dict.fromkeys("abcdefghijklmnop", "x"))
    make_lmdb(tmp_path / "lmdb" / "x", [str(number) for number in range(16)])
    folder = tmp_path / "lmdb" if name == "LMDBDataSet" else tmp_path
    drawn = {}
    for mode in ("Eval", "Train"):
        made = config(folder, mode=mode, name=name)
        made[mode]["dataset"]["ratio_list"] = [0.5]
        loaders = [build_dataloader(made, mode, "cpu", logged[0], seed) for seed in (1, 2, 0)]
        drawn[mode] = {frozenset(list_drawn(loader.dataset)) for loader in loaders}
    assert len(drawn["Eval"]) == 1
    assert drawn["Eval"] < drawn["Train"]


def list_drawn(dataset):
    if hasattr(dataset, "lmdb_sets"):
        return [int(number) for _, number in dataset.data_idx_order_list]
    lines = getattr(dataset, "_all_lines", None) or dataset.data_lines
    return [lines[number] for number in getattr(dataset, "_index_map", None) or range(len(lines))]


def test_a_subclass_that_a_user_wrote_into_paddleocr_reports_too(data, logged, tmp_path, monkeypatch):
    import ppocr.data

    from ppocrv2_ext.host.plug import plug_in, unplug

    monkeypatch.delitem(sys.modules, "tools.program", raising=False)
    unplug()

    class Doubled(ppocr.data.SimpleDataSet):
        def __getitem__(self, index):
            return [2 * field for field in super().__getitem__(index)]

    ppocr.data.UserDataSet = Doubled
    plug_in()
    write(tmp_path, a="x", b="y")
    spoil(tmp_path, "a")
    try:
        found = dataset(tmp_path, logger=logged[0], name="UserDataSet")
        assert isinstance(found, Doubled)
        assert [int(found[index][0][0, 0, 0]) for index in range(2)] == [40, 40]
        assert logged[1][-1] == "not used: a.png: it cannot be decoded as an image"
    finally:
        unplug()
        del ppocr.data.UserDataSet
        plug_in()


def lines(dataset, numbers):
    return [dataset.data_lines[number].decode().split("\t")[0] for number in numbers]


@pytest.mark.parametrize("workers", [0, 2])
def test_every_batch_knows_the_files_of_its_samples(data, logged, tmp_path, workers):
    write(tmp_path, **dict.fromkeys("abcdefg", "x"))
    spoil(tmp_path, "c")
    value = {f"{name}.png": 10 * number for number, name in enumerate("abcdefg", 1)}
    batches = list(loader(tmp_path, logger=logged[0], batch=2, workers=workers))
    assert [value[name] for batch in batches for name in batch.files] == greys(batches)
    assert len(batches) == 4


@pytest.mark.parametrize("workers", [0, 2])
def test_evaluation_counts_each_sample_once_and_logs_what_it_left_out(data, logged, tmp_path, workers):
    write(tmp_path, **dict.fromkeys("abcdef", "x"))
    spoil(tmp_path, "b", "e", "f")  # with the batches of two, one has nothing left
    logger, said = logged
    assert greys(loader(tmp_path, logger=logger, mode="Eval", batch=2, workers=workers)) == [10, 30, 40]
    assert said[-1] == "left out of the metrics: 3 images: b.png, e.png, f.png; 3 samples were used."
    assert sum("not used" in line for line in said) == 3


@pytest.mark.parametrize(("mode", "tried"), [("Train", 100), ("Eval", 2)])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_that_finds_no_usable_sample_stops_with_a_message(data, logged, tmp_path, mode, tried, workers):
    write(tmp_path, a="x", b="y")
    spoil(tmp_path, "a", "b")
    with pytest.raises(data.SampleError, match=rf"^{tried} samples in a row cannot be used, the first is [ab].png"):
        list(loader(tmp_path, logger=logged[0], mode=mode, workers=workers))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_tells_how_many_frames_its_texts_need(data, logged, tmp_path, workers):
    write(tmp_path, a="abc", b="aab", c="aA", d="11!1")  # without a dictionary, "A" is read as "a" and "!" left out
    encode, keep = {"CTCLabelEncode": {"max_text_length": 25}}, ("image", "label", "length")
    (batch,) = loader(tmp_path, encode, logger=logged[0], keep=keep, batch=4, workers=workers, mode="Eval")
    assert batch.frames_needed == [3, 4, 3, 5]


def test_batches_of_other_samples_tell_no_frames(data, logged, tmp_path):
    write(tmp_path, a="abc")
    (batch,) = loader(tmp_path, logger=logged[0])
    assert batch.frames_needed == []


def test_workers_do_not_garbage_collect_objects_of_the_training_process(data, logged, tmp_path):
    write(tmp_path, a="x")
    made = loader(tmp_path, logger=logged[0], workers=1)
    made.dataset.ops = [lambda sample: [np.array(gc.get_freeze_count())]]
    assert [int(count) for (count,) in made] > [10000]
    assert gc.get_freeze_count() == 0


def test_training_logs_which_samples_it_replaced(data, logged, tmp_path):
    write(tmp_path, a="x", b="y")
    spoil(tmp_path, "b")
    list(loader(tmp_path, logger=logged[0]))
    assert logged[1][-1].startswith("replaced by others: ")
    assert logged[1][-1].endswith("; 2 samples were used.")


def test_the_loader_gives_access_to_the_dataset_and_the_sampler(data, logged, tmp_path):
    write(tmp_path, a="x", b="y", c="z")
    made = loader(tmp_path, logger=logged[0], batch=2)
    assert (len(made), type(made.dataset).__name__, made.dataset.need_reset) == (2, "SimpleDataSet", False)
    made.batch_sampler.set_epoch(1)
    assert len(list(made())) == 2


def test_a_multi_scale_dataset_gives_the_sizes_asked_for_and_stops_too(data, logged, tmp_path):
    write(tmp_path, a="x", b="y")
    spoil(tmp_path, "a")
    found = dataset(tmp_path, logger=logged[0], name="MultiScaleDataSet")
    assert [found[(64, 32, index)][0].shape for index in range(2)] == [(3, 32, 64)] * 2
    spoil(tmp_path, "b")
    with pytest.raises(data.SampleError, match="100 samples in a row"):
        found[(64, 32, 0)]


@pytest.mark.parametrize("mode", ["Train", "Eval"])
def test_a_set_that_gives_no_batch_is_refused_where_its_loader_is_made(data, logged, tmp_path, mode):
    from ppocr.data import build_dataloader

    from ppocrv2_ext.errors import UserError

    write(tmp_path, a="x", b="y", c="z")
    made = config(tmp_path, mode=mode, batch=4)
    assert len(build_dataloader(made, mode, "cpu", logged[0])) == 1
    made[mode]["loader"]["drop_last"] = True
    with pytest.raises(UserError, match=f"^{mode}: 3 samples do not fill one batch of 4; set drop_last=false in its"):
        build_dataloader(made, mode, "cpu", logged[0])
    made[mode]["loader"]["batch_size_per_card"] = 3
    assert len(build_dataloader(made, mode, "cpu", logged[0])) == 1
    made[mode]["dataset"]["ratio_list"] = [0.1]
    with pytest.raises(UserError, match=f"^{mode}: the data set has no sample; raise the shares of its ratio_list"):
        build_dataloader(made, mode, "cpu", logged[0])


def test_other_datasets_give_the_batches_of_paddles_own_loader(data):
    import paddle

    from ppocrv2_ext.host.samples.loader import build_loader

    other = paddle.io.TensorDataset([paddle.arange(6).reshape([3, 2])])
    ours, theirs = (list(make(other, batch_size=2)) for make in (build_loader, paddle.io.DataLoader))
    assert [[field.tolist() for field in batch] for batch in ours] == [
        [field.tolist() for field in batch] for batch in theirs
    ]


def test_unplugging_brings_paddleocrs_classes_back(data, monkeypatch):
    import ppocr.data
    from ppocr.data import simple_dataset

    from ppocrv2_ext.host.plug import plug_in, unplug

    monkeypatch.delitem(sys.modules, "tools.program", raising=False)  # bound to what is plugged in
    assert issubclass(ppocr.data.SimpleDataSet, data.ReportingDataSet)
    unplug()
    try:
        for name in ("SimpleDataSet", "MultiScaleDataSet"):
            assert getattr(ppocr.data, name) is getattr(simple_dataset, name)
    finally:
        plug_in()


@pytest.mark.checkout
def test_every_test_of_this_file_passes_on_a_clone(checkout):
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-m", "not checkout"],
        env={**os.environ, "TESTED_CLONE": str(checkout)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("workers", [0, 2])
def test_the_seed_decides_the_augmentation_and_each_epoch_differs(data, logged, tmp_path, workers):
    from ppocr.utils.utility import set_seed

    edge = np.arange(0, 240, 8, dtype=np.uint8)
    write(tmp_path, **dict.fromkeys("abcd", SQUARE))
    for name in "abcd":
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.broadcast_to(edge[None, :, None], (20, 30, 3)))
    turn = {"IaaAugment": {"augmenter_args": [{"type": "Affine", "args": {"rotate": [-45, 45]}}]}}

    def run(seed):
        set_seed(seed)
        batches = loader(tmp_path, {"DetLabelEncode": None}, turn, logger=logged[0], workers=workers)
        return [[batch[0].numpy().tobytes() for batch in batches] for _ in range(2)]

    first, again, other = run(7), run(7), run(8)
    assert first == again
    assert first != other
    assert first[0] != first[1]


@pytest.mark.parametrize("workers", [0, 1])
def test_samples_of_unequal_shapes_end_in_a_sentence_that_names_two_of_them(data, logged, tmp_path, workers):
    write(tmp_path, a="x", b="y")
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((20, 40, 3), np.uint8))
    batches = loader(tmp_path, logger=logged[0], mode="Eval", batch=2, workers=workers)
    with pytest.raises(data.SampleError, match=r"a.png and b.png make no batch: entry 0 .* \(20, 30, 3\) and \(20, 40"):
        list(batches)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_exception_in_a_dataset_that_reports_nothing_ends_the_loop(data, workers):
    import paddle

    from ppocrv2_ext.host.samples.loader import build_loader

    class Broken(paddle.io.Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            raise RuntimeError("the file is gone")

    with pytest.raises(data.SampleError, match="RuntimeError: the file is gone"):
        list(build_loader(Broken(), batch_size=2, num_workers=workers))


def test_the_sentence_of_our_own_transform_is_passed_on(data, logged, tmp_path):
    from ppocrv2_ext.errors import UserError

    class Ours:
        def __call__(self, sample):
            raise UserError("`size` must be [width, height].")

    write(tmp_path, a="x")
    found = dataset(tmp_path, logger=logged[0], mode="Eval")
    found.ops.insert(1, Ours())
    with pytest.raises(data.SampleError, match=r"^a.png: Ours: `size` must be \[width, height\]; `ppocrv2 check"):
        found[0]


def make_lmdb(folder, labels, without=()):
    """An LMDB of ``labels``; the picture of number n has the grey value 10 n."""
    import lmdb

    folder.mkdir(parents=True)
    environment = lmdb.open(str(folder), map_size=2**22)
    with environment.begin(write=True) as transaction:
        transaction.put(b"num-samples", str(len(labels)).encode())
        for number, label in enumerate(labels, 1):
            picture = cv2.imencode(".png", np.full((20, 30, 3), 10 * number, np.uint8))[1].tobytes()
            entries = {b"label-%09d" % number: label.encode(), b"image-%09d" % number: picture}
            for key, value in entries.items():
                if number not in without:
                    transaction.put(key, value)
    environment.close()


def lmdb_config(folder, mode="Train", **options):
    made = config(folder, mode=mode, keep=("image", "label"), name="LMDBDataSet")
    made[mode]["dataset"].update(options)
    return made


def lmdb_labels(folder, logger, mode="Train", seed=0, **options):
    import ppocr.data

    found = ppocr.data.LMDBDataSet(lmdb_config(folder, mode, **options), mode, logger, seed)
    return [found[index][1] for index in range(len(found))]


def test_training_and_evaluation_may_read_the_same_lmdb(data, logged, tmp_path):
    make_lmdb(tmp_path / "x", ["a", "b"])
    assert lmdb_labels(tmp_path, logged[0]) == lmdb_labels(tmp_path, logged[0], "Eval") == ["a", "b"]


def test_a_broken_sample_of_an_lmdb_is_named_and_left_out_of_the_metrics(data, logged, tmp_path):
    from ppocr.data import build_dataloader

    make_lmdb(tmp_path / "x", ["a", "b", "c"], without=[2])
    batches = build_dataloader(lmdb_config(tmp_path, "Eval"), "Eval", "cpu", logged[0], seed=0)
    assert greys(batches) == [10, 30]
    assert f"not used: {tmp_path}/x:2: the LMDB has no image or no label of this number" in logged[1]


def test_the_ratio_list_of_an_lmdb_takes_a_share_of_each_and_another_one_in_another_epoch(data, logged, tmp_path):
    make_lmdb(tmp_path / "x", [f"x{number}" for number in range(20)])
    make_lmdb(tmp_path / "y", [f"y{number}" for number in range(10)])
    first, other = (lmdb_labels(tmp_path, logged[0], seed=seed, ratio_list=0.5) for seed in (1, 2))
    assert [sum(label.startswith(name) for label in first) for name in "xy"] == [10, 5]
    assert len(other) == 15
    assert set(first) != set(other)


def test_workers_read_the_share_of_each_epoch_though_they_persist(data, logged, tmp_path):
    """As in the loop of a clone, which gives the data set another seed before each epoch and lets workers persist."""
    import ppocr.data

    from ppocrv2_ext.host.samples.loader import build_loader

    make_lmdb(tmp_path / "x", [f"x{number}" for number in range(12)])
    found = ppocr.data.LMDBDataSet(lmdb_config(tmp_path, ratio_list=[0.5]), "Train", logged[0], 0)
    assert found.need_reset
    batches = build_loader(found, batch_size=1, num_workers=2, persistent_workers=True)
    seen = []
    for epoch in range(1, 5):
        found.reset_data_lines(seed=epoch, epoch=epoch)
        in_process = {f"{tmp_path}/x:{number}" for _, number in found.data_idx_order_list}
        seen.append({file for batch in batches for file in batch.files})
        assert seen[-1] == in_process
    assert len(set.union(*seen)) > 9


def test_corrections_replace_labels_of_an_lmdb_and_leave_samples_out(data, logged, tmp_path):
    make_lmdb(tmp_path / "x", ["a", "b", "c"])
    file = tmp_path / "corrections.json"
    file.write_text(json.dumps({str(tmp_path / "x"): {"1": None, "3": "C"}}), encoding="utf-8")
    assert lmdb_labels(tmp_path, logged[0], corrections=str(file)) == ["b", "C"]


@pytest.mark.parametrize("sized", [False, True])
def test_the_ratio_list_of_a_multi_scale_set_draws_from_all_lines(data, logged, tmp_path, sized):
    write(tmp_path, **dict.fromkeys("abcdefghij", "x"))
    lines = (tmp_path / "labels.txt").read_text(encoding="utf-8").splitlines()
    (tmp_path / "labels.txt").write_text("\n".join(f"{line}\t30\t20" for line in lines), encoding="utf-8")
    made = config(tmp_path, name="MultiScaleDataSet")
    made["Train"]["dataset"].update(ratio_list=[0.5], ds_width=sized)
    import ppocr.data

    drawn = set()
    for seed in range(6):
        found = ppocr.data.MultiScaleDataSet(copy.deepcopy(made), "Train", logged[0], seed)
        assert len(found) == 5
        for number in range(5):
            found[(30, 20, number, 1.5 if sized else None)]
            drawn.add(found.file)
    assert len(drawn) == 10
