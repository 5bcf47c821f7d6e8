"""Copy-Paste for text detection: text of a second training picture is pasted where the first one has none.

Source: PP-OCRv2, arXiv:2109.03144, "Enhancement Strategies", "Text Detection", "CopyPaste";
the method is by Ghiasi et al., CVPR 2021.

- ``transform``: the component TextCopyPaste
- ``late``: pictures that are decoded and pasted into only where a crop shows them
- ``pasting``: ``choose`` draws what is pasted where, ``paste`` applies it to the pixels
- ``obstacles``: the search for a free place
"""
