"""The keys of a sample that transforms, losses and configs have to agree on, each stated once."""

from __future__ import annotations

# What MakeBorderMap and MakeShrinkMap add to a detector's sample. DBLoss and CMLLoss unpack a batch in this order.
DB_MAPS = ("threshold_map", "threshold_mask", "shrink_map", "shrink_mask")

# What KeepKeys keeps of a sample, in the order in which losses, post-processes and metrics unpack the batch.
DETECTION_TRAIN_BATCH = ("image", *DB_MAPS)
DETECTION_EVAL_BATCH = ("image", "shape", "polys", "ignore_tags")
RECOGNITION_BATCH = ("image", "label", "length")
