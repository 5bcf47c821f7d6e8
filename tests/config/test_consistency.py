"""Transforms that cannot work where a config puts them, or beside its data set."""

import pytest

from ppocrv2_ext import config
from ppocrv2_ext.config.consistency import find_conflicts, find_doubts
from ppocrv2_ext.data.transforms import list_transforms

DETECTOR, RECOGNIZER = "det/ch_PP-OCRv2_det_student_finetune", "rec/ch_PP-OCRv2_rec_finetune"
CLASSIFIER = "cls/textline_orientation_lcnet"
PAIR, CML = "rec/ch_PP-OCRv2_rec_distillation", "det/ch_PP-OCRv2_det_cml_finetune"
WORK_ON_ANY_FORM = {"DecodeImage", "DetLabelEncode", "CTCLabelEncode", "TextLineEncode", "MultiLabelEncode"}
WORK_ON_ANY_FORM |= {"KeepKeys"}
SCALES = {"name": "MultiScaleSampler", "scales": [[320, 32]], "first_bs": 8}


def train_with(config_name, transforms, **dataset):
    """The sentences about a built-in config whose training has these transforms."""
    recipe = config.read(config.locate(config_name))
    recipe["Train"]["dataset"].update(transforms=[{each: None} for each in transforms], **dataset)
    if dataset:
        recipe["Train"]["sampler"] = SCALES
    return [sentence for sentence in find_conflicts(recipe) if "Train.dataset.transforms: " in sentence]


@pytest.mark.parametrize(
    "name",
    [
        *("TextBorderMap", "TextShrinkMap", "MakeBorderMap", "MakeShrinkMap", "KeepVisibleText", "TextCopyPaste"),
        *("CopyPaste", "RandomSceneCrop", "RandomSceneWindow", "RandomTextWindow", "EastRandomCropData", "IaaAugment"),
    ],
)
@pytest.mark.parametrize("first", ["NormalizeToCHW", "ToCHWImage"])
def test_what_works_on_a_scene_must_come_before_its_channels_go_first(name, first):
    rule = f"Train.dataset.transforms: {name} must come before {first}: it takes (H, W, 3) pixels."
    assert train_with(DETECTOR, ["DecodeImage", "DetLabelEncode", first, name, "KeepKeys"]) == [rule]
    assert train_with(DETECTOR, ["DecodeImage", "DetLabelEncode", name, first, "KeepKeys"]) == []


@pytest.mark.parametrize("name", ["RecAug", "TextLineAugment"])
def test_a_line_must_be_augmented_before_it_is_resized(name):
    (sentence,) = train_with(RECOGNIZER, ["DecodeImage", "TextLineResize", name, "TextLineEncode", "KeepKeys"])
    assert f"{name} must come before TextLineResize" in sentence


@pytest.mark.parametrize("name", ["RandomHalfTurn", "HalfTurnByName", "RandomSpan"])
@pytest.mark.parametrize("resize", ["TextLineResize", "RecResizeImg", "ClsResizeImg"])
def test_a_line_must_be_turned_and_cut_before_it_is_resized(name, resize):
    rule = f"Train.dataset.transforms: {name} must come before {resize}: it takes (H, W, 3) pixels."
    assert train_with(CLASSIFIER, ["DecodeImage", resize, name, "ClsLabelEncode", "KeepKeys"]) == [rule]


@pytest.mark.parametrize(
    ("transforms", "expected"),
    [
        # the turn of a line
        ("ClsLabelEncode RandomHalfTurn", "RandomHalfTurn must come before ClsLabelEncode: it sets the label."),
        ("ClsLabelEncode HalfTurnByName", "HalfTurnByName must come before ClsLabelEncode: it sets the label."),
        (
            "HalfTurnByName RandomHalfTurn ClsLabelEncode",
            "RandomHalfTurn follows HalfTurnByName, and a line is turned only once; leave one of them out.",
        ),
        (
            "HalfTurnByName HalfTurnByName ClsLabelEncode",
            "HalfTurnByName follows another, and a line is turned only once; leave one of them out.",
        ),
        (
            "TextLineAugment RandomHalfTurn ClsLabelEncode",
            "RandomHalfTurn must come before TextLineAugment: after it, the edges of a line show whether it was"
            " turned.",
        ),
        # labels
        ("CTCLabelEncode RecConAug RecResizeImg", "RecConAug must come before CTCLabelEncode: it joins texts."),
        (
            "TextLineEncode CTCLabelEncode RecResizeImg",
            "CTCLabelEncode follows TextLineEncode, and labels are encoded only once; leave one of them out.",
        ),
        ("IaaAugment DetLabelEncode", "DetLabelEncode must come before IaaAugment: it says where text is."),
        (
            "DetLabelEncode IaaAugment DetLabelEncode",
            "DetLabelEncode follows another, and labels are encoded only once; leave one of them out.",
        ),
        # numbers in place of pixels
        ("NormalizeImage RecAug", "RecAug must come before NormalizeImage: it takes pixels as they were read."),
        (
            "NormalizeImage TextCopyPaste",
            "TextCopyPaste must come before NormalizeImage: it takes pixels as they were read.",
        ),
        (
            "NormalizeImage ClsLabelEncode RecResizeImg",
            "RecResizeImg follows NormalizeImage, and pixels are normalised only once; leave one of them out.",
        ),
        (
            "NormalizeImage ToCHWImage NormalizeImage",
            "NormalizeImage follows another, and pixels are normalised only once; leave one of them out.",
        ),
        ("SARRecResizeImg RecAug", "RecAug must come before SARRecResizeImg: it takes (H, W, 3) pixels."),
        # scenes
        (
            "MakeBorderMap IaaAugment MakeShrinkMap",
            "IaaAugment must come before MakeBorderMap: the maps show where text is.",
        ),
        (
            "TextShrinkMap RandomSceneWindow",
            "RandomSceneWindow must come before TextShrinkMap: the maps show where text is.",
        ),
        (
            "RandomSceneWindow IaaAugment TextShrinkMap",
            "IaaAugment must come before RandomSceneWindow: the maps are cut at the edges of the picture that is there"
            " then.",
        ),
        (
            "DetResizeForTest KeepVisibleText",
            "KeepVisibleText must come before DetResizeForTest: the outlines of text are not resized with it.",
        ),
        (
            "DetResizeForTest DetResizeForTest",
            "DetResizeForTest follows another, and an evaluation knows only the last resize; leave one of them out.",
        ),
        (
            "DetResizeForTest RandomSceneWindow TextShrinkMap",
            "DetResizeForTest resizes no maps of where text is; leave it out.",
        ),
        (
            "TextShrinkMap DetResizeForTest",
            "DetResizeForTest resizes no maps of where text is; leave it out.",
        ),
    ],
)
def test_an_order_of_transforms_that_makes_wrong_samples_is_refused_in_one_sentence(transforms, expected):
    sentences = train_with(RECOGNIZER, ["DecodeImage", *transforms.split(), "KeepKeys"])
    assert sentences == [f"Train.dataset.transforms: {expected}"]


def test_an_evaluation_may_normalise_a_scene_before_it_is_resized():
    assert train_with(RECOGNIZER, ["DecodeImage", "NormalizeImage", "DetResizeForTest", "ToCHWImage", "KeepKeys"]) == []


@pytest.mark.parametrize(
    ("config_name", "names"),
    [
        (RECOGNIZER, "TextLineAugment RecAug RecConAug RandAugment SVTRRecAug"),
        (DETECTOR, "RandomSceneCrop RandomSceneWindow IaaAugment CopyPaste TextCopyPaste ColorJitter PGProcessTrain"),
        (CLASSIFIER, "RandomHalfTurn RandomSpan"),
    ],
)
def test_an_evaluation_whose_samples_differ_each_time_is_refused(config_name, names):
    recipe = config.read(config.locate(config_name))
    decode, *others = recipe["Eval"]["dataset"]["transforms"]
    for name in names.split():
        recipe["Eval"]["dataset"]["transforms"] = [decode, {name: None}, *others]
        assert (
            f"Eval.dataset.transforms: {name} is for training: it may draw at random, and samples must be the same in"
            " each evaluation; leave it out."
        ) in list(find_conflicts(recipe))


def test_a_transform_that_draws_may_train_and_one_that_does_not_may_judge():
    for name in (RECOGNIZER, DETECTOR, CLASSIFIER, CML, PAIR):
        assert not any(
            "may draw at random" in sentence for sentence in find_conflicts(config.read(config.locate(name)))
        )


def test_what_takes_pixels_comes_after_the_file_is_decoded():
    sentences = train_with(
        CLASSIFIER, ["RandomHalfTurn", "ClsLabelEncode", "DecodeImage", "TextLineResize", "KeepKeys"]
    )
    assert sentences == [
        "Train.dataset.transforms: DecodeImage must come before RandomHalfTurn: it makes pixels of a file."
    ]


@pytest.mark.parametrize(
    "transforms",
    [
        "DecodeImage DetLabelEncode IaaAugment MakeShrinkMap MakeBorderMap NormalizeImage ToCHWImage KeepKeys",
        "DecodeImage IaaAugment MakeBorderMap MakeShrinkMap RandomTextWindow NormalizeToCHW KeepKeys",
        "DetLabelEncode DecodeImage IaaAugment IaaAugment RandomSceneWindow KeepVisibleText TextBorderMap KeepKeys",
        "DecodeImage DetResizeForTest NormalizeImage DetLabelEncode ToCHWImage KeepKeys",
        "DecodeImage RecConAug RecAug RecAug RecResizeImg CTCLabelEncode KeepKeys",
        "DecodeImage RandomSpan RandomHalfTurn ClsLabelEncode TextLineAugment TextLineResize KeepKeys",
        "DecodeImage ToCHWImage NormalizeImage KeepKeys",
        "DecodeImage IaaAugment CTCLabelEncode RecResizeImg KeepKeys",
    ],
)
def test_an_order_that_makes_the_same_samples_is_accepted(transforms):
    assert train_with(RECOGNIZER, transforms.split()) == []


def test_each_transform_of_pictures_in_the_built_in_configs_may_not_go_to_the_end():
    tried = set()
    for name in config.built_in():
        recipe = config.read(config.locate(name))
        transforms = [each for each, _ in list_transforms(recipe["Train"]["dataset"])]
        assert train_with(name, transforms) == [], name
        for moved in set(transforms) - WORK_ON_ANY_FORM - {"NormalizeImage", "ToCHWImage", "NormalizeToCHW"}:
            others = [each for each in transforms if each not in (moved, "KeepKeys")]
            if any("CHW" in each for each in others):
                assert len(train_with(name, [*others, moved, "KeepKeys"])) == 1, (name, moved)
                tried.add(moved)
    assert tried >= {"RandomSceneCrop", "RandomSceneWindow", "TextCopyPaste", "TextBorderMap", "KeepVisibleText"}


def with_scales(*scales, **sampler):
    recipe = config.read(config.locate(RECOGNIZER))
    recipe["Train"]["dataset"].update(name="MultiScaleDataSet", transforms=[{"DecodeImage": None}])
    recipe["Train"]["sampler"] = {**SCALES, "scales": list(scales), **sampler}
    recipe["Eval"]["dataset"]["transforms"] = [{"RecResizeImg": {"image_shape": [3, 32, 320]}}]
    return recipe


def test_an_evaluation_at_none_of_the_scales_of_the_training_is_a_doubt():
    assert not any("resizes lines" in doubt for doubt in find_doubts(with_scales([160, 32], [320, 32])))
    (doubt,) = (doubt for doubt in find_doubts(with_scales([160, 32], [96, 32])) if "resizes lines" in doubt)
    assert doubt.startswith("Train resizes lines to [3, 32, 160] or [3, 32, 96] and Eval to [3, 32, 320]")


def test_a_scale_that_is_too_high_for_the_backbone_is_refused():
    (sentence,) = (each for each in find_conflicts(with_scales([320, 32], [320, 64])) if "pixels height" in each)
    assert sentence.startswith("Train.sampler.scales must have lines of 32 pixels height")


def test_the_first_batch_of_a_sampler_must_fit_into_memory():
    (sentence,) = (each for each in find_conflicts(with_scales([320, 32], first_bs=10**6)) if "GiB" in each)
    assert sentence.endswith("lower Train.sampler.first_bs.")


@pytest.mark.parametrize(
    "name", ["RecResizeImg", "TextLineResize", "SVTRRecResizeImg", "SARRecResizeImg", "ToCHWImage"]
)
@pytest.mark.parametrize("dataset", ["MultiScaleDataSet", "MSTextRecDataset"])
def test_a_data_set_that_resizes_lines_itself_takes_no_resized_ones(dataset, name):
    transforms = ["DecodeImage", "TextLineAugment", "TextLineEncode", "KeepKeys"]
    assert train_with(RECOGNIZER, transforms, name=dataset) == []
    transforms.insert(3, name)
    sentence = f"Train.dataset.transforms: {dataset} resizes and normalises lines itself; leave {name} out."
    assert train_with(RECOGNIZER, transforms, name=dataset) == [sentence]


def change(config_name, *assignments):
    """A built-in config with ``-o`` assignments."""
    return config.override(config.read(config.locate(config_name)), assignments)


@pytest.mark.parametrize("place", ["Loss.loss_config_list.0.UDMLLoss", "Loss"])
def test_the_networks_of_udml_both_learn(place):
    loss = ["Metric.networks=[Student]", *(["Loss={name: UDMLLoss}"] if place == "Loss" else [])]
    assert list(find_conflicts(change(PAIR, *loss))) == []
    assert list(find_conflicts(change(PAIR, *loss, "Architecture.Models.Teacher.freeze_params=true"))) == [
        f"{place}.pair names 'Teacher', which is frozen, but both networks of U-DML must learn; set"
        " Architecture.Models.Teacher.freeze_params=false."
    ]


def test_a_frozen_network_does_not_decide_which_checkpoint_is_the_best():
    teacher = "PostProcess.model_name=[Student,Student2,Teacher]"  # its values are reported all the same
    assert list(find_conflicts(change(CML, teacher))) == []
    assert list(find_conflicts(change(CML, teacher, "Metric.networks=[Student,Teacher]"))) == [
        "Metric.networks names 'Teacher', which is frozen and the same in every checkpoint; leave it out."
    ]


STUDENT2, TEACHER = "Architecture.Models.Student2", "Architecture.Models.Teacher"


def test_noise_is_for_a_network_of_our_architecture_that_learns():
    assert list(find_conflicts(change(CML, "Metric.networks=[Student]", f"{STUDENT2}.freeze_params=true"))) == [
        f"{STUDENT2}.perturbation adds noise to a frozen network, which could not learn it away; leave it out."
    ]
    assert list(find_conflicts(change(CML, "Architecture.name=DistillationModel"))) == [
        f"{STUDENT2}.perturbation needs `Architecture.name: CollaborativeModel`."
    ]


RANDOM = "Global.ema_start_share would keep a share of random weights; set {}, or leave the share out."
AVERAGED = ("Global.use_ema=true", "Global.ema_start_share=0.5")


@pytest.mark.parametrize(
    ("name", "assignments", "keys"),
    [
        (RECOGNIZER, AVERAGED, ["Global.pretrained_model"]),
        (RECOGNIZER, (*AVERAGED, "Global.pretrained_model=x"), []),
        (RECOGNIZER, (*AVERAGED, "Global.checkpoints=x"), []),
        (RECOGNIZER, ("Global.use_ema=true", "Global.ema_start_share=0"), []),
        (CML, AVERAGED, []),
        (CML, (*AVERAGED, f"{STUDENT2}.pretrained=null"), [f"{STUDENT2}.pretrained"]),
    ],
)
def test_a_share_of_random_weights_is_not_kept(name, assignments, keys):
    config = change(name, "Global.pretrained_model=null", *assignments)
    assert list(find_conflicts(config)) == [RANDOM.format(key) for key in keys]


UDML = "Loss.loss_config_list.0.UDMLLoss"
FINETUNED_PAIR = "rec/ch_PP-OCRv2_rec_distillation_finetune"
FROZEN = "a frozen network computes what it computes in evaluation"
ALONE = "no student learns from another"
OF_SCALES = (
    "Train.dataset.name=MultiScaleDataSet",
    "Train.sampler={name: MultiScaleSampler, scales: [[128, 32]], first_bs: 64}",
)
SAME_FRAMES = "this backbone makes the same frames in training as in evaluation"


@pytest.mark.parametrize(
    ("name", "assignments", "sentences"),
    [
        (DETECTOR, ["Global.use_ema=false"], ["Global.ema_decay has no effect: Global.use_ema is not true."]),
        (PAIR, ["Global.ema_gamma=50"], ["Global.ema_gamma has no effect: Global.use_ema is not true."]),
        (PAIR, ["Global.ema_start_share=0.5"], ["Global.ema_start_share has no effect: Global.use_ema is not true."]),
        (
            FINETUNED_PAIR,
            [f"{UDML}.mutual_weight=0", f"{UDML}.temperature=2"],
            [
                f"{UDML}.{key} has no effect: mutual_weight is 0."
                for key in ("temperature", "detach_targets", "mutual_mean_over")
            ],
        ),
        (PAIR, [f"{UDML}.mutual_weight=0"], []),
        (
            CML,
            ["Loss.distill_weight=0"],
            [
                f"Loss.{key} has no effect: nothing is learnt from a teacher."
                for key in ("gamma", "threshold", "dilation")
            ],
        ),
        (
            CML,
            ["Loss.teacher=null", "Loss.gt_weight=0"],
            [
                *(f"Loss.{key} has no effect: gt_weight is 0." for key in ("alpha", "beta")),
                "Loss.main_loss has no effect: nothing is learnt from labels or a teacher.",
                *(
                    f"Loss.{key} has no effect: nothing is learnt from a teacher."
                    for key in ("gamma", "threshold", "dilation", "distill_weight")
                ),
            ],
        ),
        (CML, ["Loss.mutual_weight=0"], [f"Loss.mutual has no effect: {ALONE}."]),
        (
            CML,
            ["Loss.students=[Student]"],
            [f"Loss.{key} has no effect: {ALONE}." for key in ("mutual", "mutual_weight")],
        ),
        (
            RECOGNIZER,
            ["Architecture.frames_by_width=true"],
            [f"Architecture.frames_by_width has no effect: {SAME_FRAMES}."],
        ),
        (RECOGNIZER, ["Architecture.frames_by_width=false"], []),
        (
            CML,
            [f"{TEACHER}.Backbone.name=PPLCNetV3", f"{TEACHER}.freeze_norm=true", f"{TEACHER}.frames_by_width=true"],
            [f"{TEACHER}.{key} has no effect: {FROZEN}." for key in ("freeze_norm", "frames_by_width")],
        ),
        (CML, [f"{STUDENT2}.freeze_norm=true", "Global.use_ema=true", "Global.ema_decay=0.9"], []),
        (
            RECOGNIZER,
            [*OF_SCALES, "Train.loader.batch_size_per_card=8"],
            ["Train.loader.batch_size_per_card has no effect: Train.sampler.first_bs decides."],
        ),
        (RECOGNIZER, [*OF_SCALES, "Train.loader.batch_size_per_card=64"], []),
    ],
)
def test_a_setting_without_effect_is_a_doubt(name, assignments, sentences):
    assert list(find_doubts(change(name, *assignments))) == sentences


def test_no_built_in_config_has_a_doubt():
    for name in config.built_in():
        assert list(find_doubts(config.read(config.locate(name)))) == [], name


def conflicts(name, *overrides):
    return list(find_conflicts(config.override(config.read(config.locate(name)), overrides)))


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (
            "Train.dataset.transforms.KeepKeys.keep_keys=[image,length,label]",
            "image, label, length after TextLineEncode",
        ),
        ("Train.dataset.transforms.KeepKeys.keep_keys=[image,label]", "image, label, length after TextLineEncode"),
        ("Eval.dataset.transforms.KeepKeys.keep_keys=[image,length,label]", "image, label after CTCLabelEncode"),
        ("PostProcess.name=AttnLabelDecode", "PostProcess.name must be a decoder of CTC"),
    ],
)
def test_a_recognizer_gets_its_batch_and_its_decoder_as_ctc_needs_them(override, expected):
    (sentence,) = conflicts(RECOGNIZER, override)
    assert expected in sentence


def test_a_batch_may_hold_more_and_an_evaluation_needs_no_length():
    assert conflicts(RECOGNIZER, "Train.dataset.transforms.KeepKeys.keep_keys=[image,label,length,valid_ratio]") == []
    assert conflicts(RECOGNIZER, "Eval.dataset.transforms.KeepKeys.keep_keys=[image,label]") == []


def test_a_recognizer_of_two_branches_keeps_the_label_of_ctc_second():
    recipe = config.read(config.locate(RECOGNIZER))
    keys = ["image", "label_gtc", "label_ctc", "length", "valid_ratio"]
    recipe["Train"]["dataset"]["transforms"] = [{"MultiLabelEncode": None}, {"KeepKeys": {"keep_keys": keys}}]
    (sentence,) = find_conflicts(recipe)
    assert "must begin with image, label_ctc after MultiLabelEncode" in sentence
    keys[1:3] = keys[2:0:-1]
    assert list(find_conflicts(recipe)) == []


def test_gradients_are_clipped_in_one_way():
    (sentence,) = conflicts(RECOGNIZER, "Optimizer.clip_norm=1", "Optimizer.clip_norm_global=5")
    assert sentence.startswith("Optimizer takes clip_norm, ")
    assert conflicts(RECOGNIZER, "Optimizer.clip_norm=1", "Optimizer.clip_norm_global=") == []
    assert conflicts(RECOGNIZER, "Optimizer.clip_norm=", "Optimizer.clip_norm_global=5") == []
