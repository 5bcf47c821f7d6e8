"""Exported models, and reading pictures with them. PaddleOCR and a training config are not needed here.

- ``model_folder``: the files of an exported model, and the description of its input. ``model_writing``: writes all of
  them or none. ``params_file``: whether the file of parameters is whole.
- ``settings``: what that description says about each stage of reading.
- ``models``: the model that a user names: its kind, its path and its settings. ``onnx_metadata``: what an ONNX file
  says about itself.
- ``engine``: runs a model, with onnxruntime, OpenVINO or Paddle. ``graph``: ONNX graphs mended.
- ``onnx_conversion``: converts a model to ONNX and compares the two. ``stored_weights``: the weights and the dictionary
  that a model stores.
- ``pictures``: opens files and arrays as pixels. ``memory``: the error for a picture that is too large.
- ``detect``, ``lines``, ``ocr``: whole pictures. Find the lines; turn and read them; both together.
- ``decoding``: makes texts of what a recognizer computes. ``read``: reads pictures of one line each.
- ``sources``, ``formats``: the files that are read, and what is written of them. ``pages``: reads them in order.
- ``labelled``: what label files say, and their pictures. ``cropping``: cuts the labelled lines out of them.
- ``evaluation``: how well whole pictures are read. ``accuracy``: how well one model alone does.
- ``verification``: whether others read the same. ``peer_processes``: other programs, in processes of their own.
  ``peers``: the file that their interpreters run.
- ``quantize``: the weights of an ONNX model as int8.
"""
