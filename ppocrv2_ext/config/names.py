"""The names of a config's keys, each stated once."""

from __future__ import annotations

from ..data.reasons import CHOICES

# The keys of Global that say which class is which character.
DICTIONARY_KEYS = ("character_dict_path", "use_space_char")

# Backbones of lines that work as in evaluation, but for BatchNorm and dropout: PP-OCRv2's and older ones.
LINE_BACKBONES = ("LCNet", "MobileNetV1Enhance", "MobileNetV3")

# A MultiHead of PaddleOCR has one branch that CTC reads, and a MultiLoss one term for it: PaddleOCR's own or ours.
CENTER_HEAD, CENTER_LOSS = "CenterCTCHead", "CTCCenterLoss"
CTC_HEADS, CTC_TERMS = ("CTCHead", CENTER_HEAD), ("CTCLoss", CENTER_LOSS)

# The keys of a network's section that PaddleOCR reads: its parts, each with a name and arguments, and the rest.
NETWORK_PARTS = ("Transform", "Backbone", "Neck", "Head")
NETWORK_KEYS = ("model_type", "algorithm", "name", "in_channels", "return_all_feats", *NETWORK_PARTS)
# The keys that this package adds: to every network, and to a member of Architecture.Models. The first two decide which
# tensors a network has, so its checkpoint fits a network with the same ones alone.
FORM_OPTIONS = ("merged", "restore_norm")
NETWORK_OPTIONS = ("frames_by_width", "freeze_norm", *FORM_OPTIONS)
MEMBER_OPTIONS = (
    *(*NETWORK_OPTIONS, "pretrained", "pretrained_min_matched", "perturbation", "freeze_params"),
    *DICTIONARY_KEYS,  # copied from Global, where a user sets them
)

# What the scripts of PaddleOCR 2.8 to 3.7 read from Global; the last two lines and CHOICES are what this package adds.
GLOBAL_KEYS = {
    *CHOICES,
    *"""
    amp_custom_black_list amp_custom_white_list amp_dtype amp_level cal_metric_during_train
    calc_epoch_interval character_dict_path character_type checkpoints class_path d2s_train_image_shape debug
    distributed ema_decay ema_decay_type ema_filter_no_grad ema_gamma epoch_num eval_batch_epoch
    eval_batch_step export_with_pir find_unused_parameters infer_img infer_list infer_mode infer_visual_type
    load_static_weights log_ranks log_smooth_window max_text_length model_name pdx_model_name pretrained_model
    print_batch_step print_mem_info save_epoch_step save_inference_dir save_model_dir save_res_path
    save_visual scale_loss seed to_static uniform_output_enabled use_amp use_dynamic_loss_scaling use_ema
    use_gcu use_gpu use_iluvatar_gpu use_metax_gpu use_mlu use_npu use_space_char use_sync_bn use_visualdl
    use_wandb use_xpu
    allow_no_gradient early_stop ema_start_share max_minutes pretrained_min_matched rank_timeout
    check_images max_image_pixels
    """.split(),
}

# The keys of a data set, a loader and a sampler. `corrections` is what this package adds for an LMDB.
DATASET_KEYS = {
    *("name", "data_dir", "label_file_list", "ratio_list"),
    *("transforms", "ext_op_transform_idx", "delimiter", "ds_width", "corrections"),
}
# What one data set of PaddleOCR reads beside them.
KEYS_OF_DATASET = {
    "LaTeXOCRDataSet": {"data", "min_dimensions", "max_dimensions", "batch_size_per_pair", "keep_smaller_batches"}
}
REQUIRED_LOADER_KEYS = {"shuffle", "drop_last", "batch_size_per_card", "num_workers"}  # PaddleOCR has no defaults
LOADER_KEYS = REQUIRED_LOADER_KEYS | {"use_shared_memory", "collate_fn"}

SINGLE_NETWORK_KEYS = {*NETWORK_KEYS, *NETWORK_OPTIONS}
MEMBER_KEYS = {*NETWORK_KEYS, *MEMBER_OPTIONS}  # of one network of several


def list_dataset_keys(dataset: dict) -> set[str]:
    """The keys that a data set may have."""
    return DATASET_KEYS | KEYS_OF_DATASET.get(str(dataset.get("name")), set())
