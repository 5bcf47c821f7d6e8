"""What a clone of PaddleOCR has and its wheel lacks, so that a config which needs a clone is told so.

The wheel has no networks, losses, optimizers and metrics; ``stand_ins/`` has some of them. The tables are those of
PaddleOCR 3.7. A test compares them with a clone.
"""

from __future__ import annotations

NAMES_IN_A_CLONE: dict[str, frozenset[str]] = {  # kind: names
    kind: frozenset(names.split())
    for kind, names in {
        "architecture": "BaseModel DistillationModel",
        "rectification": "GA_SPIN STN_ON TBSRN TPS TSRN",
        "backbone": """
            DenseNet DonutSwinModel EfficientNetb3_PREN HybridTransformer Kie_backbone LayoutLMForSer
            LayoutLMv2ForRe LayoutLMv2ForSer LayoutXLMForRe LayoutXLMForSer MTB MicroNet MobileNetV1Enhance
            MobileNetV3 PPHGNetV2_B4 PPHGNetV2_B4_Formula PPHGNetV2_B6_Formula PPHGNet_small PPLCNet PPLCNetV2_base
            PPLCNetV3 PPLCNetV4 RepSVTR RepSVTR_det ResNet ResNet31 ResNet32 ResNet45 ResNetFPN ResNetRFL ResNetV2
            ResNet_ASTER ResNet_SAST ResNet_vd SVTRNet SVTRv2 ShallowCNN TableResNetExtra Vary_VIT_B
            Vary_VIT_B_Formula ViT ViTParseQ ViTSTR
        """,
        "neck": """
            CSPPAN CTFPN DBFPN EASTFPN FCEFPN FPN FPN_UNet LKPAN PGFPN PRENFPN RFAdaptor RSEFPN RepLKFPN RepLKPAN
            SASTFPN SequenceEncoder TableFPN
        """,
        "head": """
            ABINetHead AsterHead AttentionHead CANHead CPPDHead CTCHead CT_Head ClsHead DBHead DRRGHead EASTHead
            FCEHead LaTeXOCRHead MultiHead PFHeadLocal PGHead PPFormulaNet_Head PRENHead PSEHead ParseQHead RFLHead
            RobustScannerHead SARHead SASTHead SATRNHead SDMGRHead SLAHead SPINAttentionHead SRNHead
            TableAttentionHead TableMasterHead Transformer UniMERNetHead VLHead
        """,
        "loss": """
            AsterLoss AttentionLoss CANLoss CELoss CPPDLoss CTCLoss CTLoss ClsLoss CombinedLoss DBLoss DRRGLoss
            EASTLoss FCELoss LaTeXOCRLoss LossFromOutput MultiLoss NRTRLoss PGLoss PPFormulaNet_L_Loss
            PPFormulaNet_S_Loss PRENLoss PSELoss ParseQLoss RFLLoss SARLoss SASTLoss SATRNLoss SDMGRLoss SLALoss
            SPINAttentionLoss SRNLoss StrokeFocusLoss TableAttentionLoss TableMasterLoss TelescopeLoss UniMERNetLoss
            VLLoss VQASerTokenLayoutLMLoss
        """,
        "term of a loss": """
            ACELoss CTCLoss CenterLoss CombinedLoss DistillCTCLogits DistillationCTCLoss DistillationDBLoss
            DistillationDKDLoss DistillationDMLLoss DistillationDilaDBLoss DistillationDistanceLoss
            DistillationKLDivLoss DistillationLossFromOutput DistillationNRTRLoss DistillationSARLoss
            DistillationSERDMLLoss DistillationVQADistanceLoss DistillationVQASerTokenLayoutLMLoss SARLoss
        """,
        "metric": """
            CANMetric CNTMetric CTMetric ClsMetric DetFCEMetric DetMetric DistillationMetric E2EMetric KIEMetric
            LaTeXOCRMetric RecMetric SRMetric TableMetric VQAReTokenMetric VQASerTokenMetric
        """,
        "optimizer": "Adadelta Adam AdamW Momentum RMSProp",
        "schedule": """
            Const Cosine CyclicalCosine DecayLearningRate Linear LinearWarmupCosine MultiStepDecay OneCycle
            Piecewise Step TwoStepCosine
        """,
        "regularizer": "CosineL2Decay L1Decay L2Decay",
    }.items()
}
ARGUMENTS_IN_A_CLONE: dict[tuple[str, str], frozenset[str]] = {  # (kind, name): arguments, of what the wheel has too
    key: frozenset(arguments.split())
    for key, arguments in {
        ("architecture", "BaseModel"): "config",
        ("backbone", "MobileNetV1Enhance"): "avg last_conv_stride last_pool_kernel_size last_pool_type scale",
        ("backbone", "MobileNetV3"): "disable_se hardswish large large_stride model_name relu scale small small_stride",
        ("backbone", "ResNet_vd"): "dcn_stage layers out_indices relu",
        ("neck", "DBFPN"): "out_channels use_asf",
        ("neck", "SequenceEncoder"): """
            encoder_type hidden_size dims depth hidden_dims use_guide num_heads mlp_ratio kernel_size drop_rate
        """,
        ("head", "CTCHead"): "fc_decay mid_channels out_channels return_feats use_guide",
        ("head", "ClsHead"): "class_dim",
        ("head", "DBHead"): "aux_in_channels fix_nan k kernel_list",
        ("loss", "CTCLoss"): "none use_focal_loss",
        ("loss", "ClsLoss"): "mean",
        ("loss", "CombinedLoss"): "loss_config_list",
        ("loss", "DBLoss"): """
            DiceFocalLoss DiceLoss alpha aux_weight_p2 aux_weight_p3 aux_weight_p4 balance_loss beta dice_weight
            eps focal_alpha focal_gamma focal_weight main_loss_type ohem_ratio
        """,
        ("metric", "ClsMetric"): "main_indicator",
        ("metric", "DetMetric"): "main_indicator",
        ("metric", "RecMetric"): "ignore_space is_filter main_indicator",
        ("optimizer", "Adam"): """
            beta1 beta2 epsilon grad_clip group_lr lazy_mode learning_rate parameter_list training_step
            weight_decay
        """,
        ("optimizer", "AdamW"): """
            beta1 beta2 epsilon grad_clip lazy_mode learning_rate multi_precision no_weight_decay_name
            one_dim_param_no_weight_decay weight_decay
        """,
        ("schedule", "Const"): "last_epoch learning_rate step_each_epoch warmup_epoch",
        ("schedule", "Cosine"): "epochs last_epoch learning_rate step_each_epoch warmup_epoch",
        ("schedule", "Piecewise"): "decay_epochs last_epoch step_each_epoch values warmup_epoch",
        ("regularizer", "L2Decay"): "factor",
    }.items()
}
