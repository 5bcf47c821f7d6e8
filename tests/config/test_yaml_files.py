"""Reading, overriding and writing configs."""

import shlex
from pathlib import Path

import pytest
import yaml

from ppocrv2_ext import config
from ppocrv2_ext.config import yaml_files
from ppocrv2_ext.errors import UserError

TRANSFORMS = {"Train": {"dataset": {"transforms": [{"RecAug": None}, {"RecResizeImg": {"image_shape": [3, 32, 320]}}]}}}


@pytest.fixture
def write(tmp_path):
    def write_text(text):
        path = tmp_path / "a.yml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_text


def test_every_built_in_config_reads_and_opens_with_its_title():
    assert "rec/ch_PP-OCRv2_rec" in config.built_in()
    for name in config.built_in():
        path = config.locate(name)
        assert set(config.read(path)) >= {"Global", "Architecture", "Train", "Eval"}
        assert path.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("name", ["rec/ch_PP-OCRv2_rec", "ch_PP-OCRv2_rec.yml", "configs/rec/ch_PP-OCRv2_rec.yml"])
def test_a_built_in_config_is_found_by_each_of_its_names(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert config.locate(name) == config.BUILT_IN / "rec" / "ch_PP-OCRv2_rec.yml"


def test_an_unknown_config_suggests_the_nearest():
    with pytest.raises(UserError, match="did you mean 'rec/ch_PP-OCRv2_rec'"):
        config.locate("rec/ch_PPOCRv2_rec")


def test_a_config_cannot_run_code(write, tmp_path):
    path = write(f"Global: !!python/object/apply:os.system ['touch {tmp_path / 'ran'}']\n")
    with pytest.raises(UserError, match=r"a.yml:1: .*may not run code"):
        config.read(path)
    assert not (tmp_path / "ran").exists()


def test_of_a_key_given_twice_the_last_value_counts_and_a_warning_names_both_lines(write):
    path = write("Global:\n  a: 1\n  b: 0\n  a: [2]\n")
    assert config.read(path) == {"Global": {"a": [2], "b": 0}} == yaml.safe_load(path.read_text())
    said = f"{path}:4: key 'a' is given on line 2 and on line 4; the last value counts, as for PaddleOCR: [2]."
    assert yaml_files.read_with_warnings(path)[1] == [said]


def test_a_key_given_twice_with_one_value_is_not_worth_a_word(write):
    assert yaml_files.read_with_warnings(write("a: {x: [1]}\na: {x: [1]}\n")) == ({"a": {"x": [1]}}, [])


@pytest.mark.parametrize(
    "text",
    [
        "c: {<<: &b {<<: {z: 1}, z: 2}}\nd: *b",
        "a: &a {z: 1, y: 1}\nb: &b {<<: *a, z: 2}\nc: {<<: *b, z: 3}\nd: *b\ne: {<<: [*b, *a], y: 4}",
        "a: {<<: {x: 1}, <<: {y: 2}}",
    ],
)
def test_a_key_that_replaces_a_merged_one_is_not_given_twice(write, text):
    assert config.read(write(f"{text}\n")) == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: {<<: {z: 1, z: 2}}", ":1: key 'z' is given on line 1 and on line 1"),
        ("a: {<<: &b {<<: {z: 1}, z: 2,\n  z: 3}}\nb: *b", ":2: key 'z' is given on line 1 and on line 2"),
    ],
)
def test_the_keys_of_a_merged_mapping_are_compared_too(write, text, said):
    path = write(f"{text}\n")
    read, warnings = yaml_files.read_with_warnings(path)
    assert read == yaml.safe_load(text)
    assert [each.partition(";")[0] for each in warnings] == [f"{path}{said}"]


def test_a_key_of_a_merged_mapping_must_be_text(write):
    with pytest.raises(UserError, match="a.yml:1: the key 1 must be text"):
        config.read(write("a: {<<: {1: 2}}\n"))


def test_broken_yaml_names_the_line(write):
    with pytest.raises(UserError, match=r"a.yml:2: this is not YAML"):
        config.read(write("Global:\n  a: b: c\n"))


def test_a_file_that_is_no_mapping_is_refused(write):
    with pytest.raises(UserError, match="must be a mapping"):
        config.read(write("- 1\n"))


@pytest.mark.parametrize("text", ["1e-4", "1E-4", "1.0e-4", "0.0001", "1.e-4"])
def test_small_numbers_are_numbers(write, text):
    assert config.read(write(f"a: {text}\n")) == {"a": 1e-4}


def test_override_sets_a_value_and_leaves_the_input_alone():
    before = {"Global": {"epoch_num": 1}}
    assert config.override(before, ["Global.epoch_num=4"]) == {"Global": {"epoch_num": 4}}
    assert before == {"Global": {"epoch_num": 1}}


def test_override_reaches_into_a_list_by_transform_name():
    after = config.override(TRANSFORMS, ["Train.dataset.transforms.RecResizeImg.image_shape=[3,32,128]"])
    assert after["Train"]["dataset"]["transforms"][1] == {"RecResizeImg": {"image_shape": [3, 32, 128]}}


def test_override_gives_arguments_to_a_transform_that_had_none():
    after = config.override(TRANSFORMS, ["Train.dataset.transforms.RecAug.tia_prob=0.1"])
    assert after["Train"]["dataset"]["transforms"][0] == {"RecAug": {"tia_prob": 0.1}}


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("RecAug.tia_prob=0.1", {"TextLineAugment": {"tia_prob": 0.1}}),
        ("RecAug={tia_prob: 0.2}", {"TextLineAugment": {"tia_prob": 0.2}}),
        ("TextLineAugment.tia_prob=0.3", {"TextLineAugment": {"tia_prob": 0.3}}),
    ],
)
def test_override_finds_a_transform_by_the_name_of_paddleocrs_in_its_place(assignment, expected):
    shipped = {"transforms": [{"TextLineAugment": None}]}
    assert config.override(shipped, [f"transforms.{assignment}"]) == {"transforms": [expected]}


def test_override_takes_the_transform_of_the_given_name_if_there_is_one():
    both = {"transforms": [{"TextLineAugment": None}, {"RecAug": None}]}
    after = config.override(both, ["transforms.RecAug.tia_prob=0.1"])
    assert after == {"transforms": [{"TextLineAugment": None}, {"RecAug": {"tia_prob": 0.1}}]}


def test_override_asks_which_of_two_entries_of_one_name():
    twice = {"Loss": {"loss_config_list": [{"CTCCenterLoss": {"network": name}} for name in ("Student", "Teacher")]}}
    with pytest.raises(UserError, match="several entries 'CTCCenterLoss'; name one by its number, 0 or 1"):
        config.override(twice, ["Loss.loss_config_list.CTCCenterLoss.momentum=0.5"])
    after = config.override(twice, ["Loss.loss_config_list.1.CTCCenterLoss.momentum=0.5"])["Loss"]["loss_config_list"]
    assert after == [
        {"CTCCenterLoss": {"network": "Student"}},
        {"CTCCenterLoss": {"network": "Teacher", "momentum": 0.5}},
    ]


def test_override_keeps_everything_after_the_first_equals_sign():
    assert config.override({"Global": {}}, ["Global.save_model_dir=a=b"]) == {"Global": {"save_model_dir": "a=b"}}


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("Globl.epoch_num=4", "has no 'Globl'; did you mean 'Global'"),
        (
            "Train.dataset.transforms.RecResizeImage.image_shape=1",
            "has no entry 'RecResizeImage'; did you mean 'RecRes",
        ),
        ("Global", "KEY=VALUE"),
        ("Epochs=3", "no section 'Epochs'"),
        ("Global.epoch_num.x=3", "which has no parts"),
        ("Global.epoch_num=[1", "this is not YAML"),
    ],
)
def test_an_override_that_leads_nowhere_says_so(assignment, message):
    with pytest.raises(UserError, match=message):
        config.override({**TRANSFORMS, "Global": {"epoch_num": 1}}, [assignment])


@pytest.mark.parametrize("slip", ["RecResizImg", "RecResizeIm"])
def test_a_slip_in_the_documented_name_of_a_transform_suggests_that_name(slip):
    ours = {"Train": {"dataset": {"transforms": [{"TextLineResize": None}, {"KeepKeys": None}]}}}
    with pytest.raises(UserError, match=f"has no entry '{slip}'; did you mean 'RecResizeImg'"):
        config.override(ours, [f"Train.dataset.transforms.{slip}.image_shape=1"])


def test_a_written_config_reads_back_equal_with_paddleocrs_own_loader(tmp_path):
    recipe = config.read(config.locate("rec/ch_PP-OCRv2_rec"))
    config.write(recipe, tmp_path / "b.yml", "made by\na test")
    assert yaml.safe_load((tmp_path / "b.yml").read_text(encoding="utf-8")) == recipe
    assert (tmp_path / "b.yml").read_text(encoding="utf-8").startswith("# made by\n# a test\n")
    assert [file.name for file in tmp_path.iterdir()] == ["b.yml"]


@pytest.mark.parametrize("character", ["\udcff", "\x07", "\x85", "\u2028", "\x7f", "\r", "\ufffe"])
def test_a_header_may_hold_what_no_yaml_can(character, tmp_path):
    config.write({"Global": {}}, tmp_path / "a.yml", f"from b{character}Global: c.yml")
    assert config.read(tmp_path / "a.yml") == {"Global": {}}
    header = (tmp_path / "a.yml").read_text(encoding="utf-8").splitlines()[0]
    assert header == f"# from b{repr(character)[1:-1]}Global: c.yml"


def test_a_header_keeps_the_letters_of_every_language(tmp_path):
    config.write({"Global": {}}, tmp_path / "a.yml", "from 字 é\u3000😀.yml\nchanged\tby")
    text = (tmp_path / "a.yml").read_text(encoding="utf-8")
    assert text.startswith("# from 字 é\u3000😀.yml\n# changed\tby\n")


@pytest.mark.parametrize(
    "value",
    [
        *(
            "words/train.txt",
            "my words, 2024",
            "2024",
            "1e-4",
            "null",
            "true",
            "-",
            "a: b",
            "#c",
            "[x]",
            "字/é 'q' \"q\"",
            "",
        ),
        *(7, 0.5, None, True, ["a, b.txt", "c.txt"], [3, 32, 96], {"name": "Const"}),
    ],
)
def test_an_assignment_is_read_as_what_was_assigned(value):
    assignment = config.assignment("Global.key", value)
    assert config.override({"Global": {}}, [assignment]) == {"Global": {"key": value}}
    assert shlex.split(config.shell_option("Global.key", value)) == [assignment]


def test_an_assignment_of_simple_paths_needs_no_quotes():
    assert config.assignment("a", Path("words/train-1.txt")) == "a=words/train-1.txt"
    assert config.assignment("a", [Path("x/1.txt"), "y z.txt"]) == 'a=[x/1.txt, "y z.txt"]'
