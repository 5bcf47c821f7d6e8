"""Networks: the ``Architecture`` section of a config. Stands in for ``ppocr/modeling``."""
