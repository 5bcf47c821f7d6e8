"""Components by the names and keys of a config: PaddleOCR's and ours.

- ``construct``: builds one from the keys of its section
- ``catalog``: which names and arguments a config may use
- ``clone_parts``: those that a clone of PaddleOCR has and its wheel lacks
- ``ctc_branch``: center loss in the branch for CTC of a MultiHead
"""
