"""The names that configs, transforms and losses have to agree on, each stated once."""

# What MakeBorderMap and MakeShrinkMap add to a detector's sample. DBLoss and CMLLoss unpack a batch in this order.
DB_MAPS = ("threshold_map", "threshold_mask", "shrink_map", "shrink_mask")

# What KeepKeys keeps of a sample, in the order in which losses, post-processes and metrics unpack the batch.
DETECTION_TRAIN_BATCH = ("image", *DB_MAPS)
DETECTION_EVAL_BATCH = ("image", "shape", "polys", "ignore_tags")
RECOGNITION_BATCH = ("image", "label", "length")

# Transforms that the shipped configs have in place of PaddleOCR's. They take the same arguments, so `-o` finds them by
# the name of PaddleOCR's too.
SUBSTITUTES = {
    "RecAug": ("TextLineAugment",),
    "RecResizeImg": ("TextLineResize",),
    "CTCLabelEncode": ("TextLineEncode",),
    "IaaAugment": ("RandomSceneCrop", "RandomSceneWindow"),
    "EastRandomCropData": ("RandomSceneCrop",),
    "RandomTextWindow": ("RandomSceneWindow",),
    "MakeBorderMap": ("TextBorderMap",),
    "MakeShrinkMap": ("TextShrinkMap",),
    "NormalizeImage": ("NormalizeToCHW",),
}

# The keys of a network's section that PaddleOCR reads: its parts, each with a name and arguments, and the rest.
NETWORK_PARTS = ("Transform", "Backbone", "Neck", "Head")
NETWORK_KEYS = ("model_type", "algorithm", "name", "in_channels", "return_all_feats", *NETWORK_PARTS)
# The keys that this package adds: to every network, and to a member of Architecture.Models.
NETWORK_OPTIONS = ("freeze_norm", "merged")
MEMBER_OPTIONS = (*NETWORK_OPTIONS, "pretrained", "pretrained_min_matched", "perturbation", "freeze_params")
