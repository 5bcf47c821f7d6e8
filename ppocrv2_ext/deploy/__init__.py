"""Exported models, and reading text lines with one. PaddleOCR and a training config are not needed here.

- ``model_folder``: the files of an exported model, and the description of its input.
- ``engine``: runs a model, with Paddle or onnxruntime.
- ``onnx_conversion``: converts a model to ONNX and compares the two.
- ``read``: reads images of text lines with an exported recognizer.
"""
