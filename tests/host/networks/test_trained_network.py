"""A recognizer that is built for commands, with a class for each character."""

from ppocrv2_ext.host.networks.trained_network import with_classes


def test_each_branch_of_a_multi_head_gets_the_classes_that_paddleocr_gives_it():
    head = {"name": "MultiHead", "head_list": []}
    classes = {"CTCLabelDecode": 12, "SARLabelDecode": 14, "NRTRLabelDecode": 15}
    assert with_classes(head, 12) == {**head, "out_channels_list": classes}


def test_any_other_head_gets_those_of_ctc():
    assert with_classes({"name": "CTCHead"}, 12) == {"name": "CTCHead", "out_channels": 12}
