"""CTC with center loss for text recognition: the features of a character are drawn to the center of its class.

Source: PP-OCRv2, arXiv:2109.03144, "Enhancement Strategies", "Text Recognition", "Enhanced CTCLoss";
center loss is by Wen et al., ECCV 2016.

- ``loss``: the component CTCCenterLoss, its distances, and the update of the centers
- ``head``: the component CenterCTCHead, a CTC head that holds the centers
- ``means``: class means of a trained network, from which centers can start
"""
