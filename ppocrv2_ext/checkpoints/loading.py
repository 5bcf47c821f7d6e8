"""Start a model from a checkpoint, and say what became of every parameter."""

import warnings

import paddle

from ..data.dictionary import read_dictionary
from .character_rows import find_dictionary, remap_rows
from .checkpoint import read_params
from .load_report import match, render, require
from .paths import with_suffix


def load_pretrained(model, path, minimum=0.9, characters=None, log=print):
    """Load weights into a model, after a report of what fits; the model is unchanged if the load is refused.

    Args:
        model: paddle Layer.
        path: checkpoint, with or without ``.pdparams``.
        minimum: share of the model's tensors the file has to give (``Global.pretrained_min_matched``).
        characters: the model's dictionary, blank first, as ``read_dictionary`` returns; None if it has none. If the
            file was trained with another, the rows of shared characters are taken over.
        log: called with each message.
    Returns:
        True iff a float16 value of the file was cast, as PaddleOCR's ``load_pretrained_params``.
    """
    file = with_suffix(path)
    params, state_dict = read_params(path), model.state_dict()
    is_float16 = any(name in state_dict and _is_float16(value) for name, value in params.items())
    if characters is not None:
        params = _to_dictionary(params, state_dict, file, list(characters), log)
    chosen = _chosen(model)
    if chosen:
        log(f"{', '.join(chosen)}: as the config's file has them, not {file}.")
        params = {**params, **{name: state_dict[name] for name in chosen}}
    report = match(params, state_dict)
    log(render(report, file))
    require(report, minimum)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Paddle warns once per missing name; the report has said it
        model.set_state_dict({name: _cast(params[name], state_dict[name]) for name in report.matched})
    return is_float16


def _to_dictionary(params, state_dict, file, characters, log):
    path = find_dictionary(file)
    if path is None:
        log(f"No dictionary was found beside {file}: its classes are taken to be those of this model, in this order.")
        return params
    for space in (True, False):  # the file does not say whether its model was trained with use_space_char
        old = read_dictionary(path, space)
        remapped, shared = remap_rows(params, state_dict, old, characters)
        if shared:
            if old == characters:
                return params
            log(f"Another dictionary than {path}: {shared} of {len(characters)} classes (with blank) keep their rows.")
            for name in filter(_counts_centers, state_dict.keys() & params.keys()):
                before, after = (int((values[name] > 0).sum()) for values in (params, remapped))
                log(f"{name}: {after} of the {before} centers in the file belong to characters kept, and move along.")
            return remapped
    log(f"No layer of {file} has the classes of its dictionary {path}, or none of this model has {len(characters)}.")
    return params


def _chosen(model):
    """Names in the state dict that a layer was given by the config (``chosen``), such as centers from a file."""
    layers = model.named_sublayers(include_self=True)
    return [".".join(filter(None, (path, name))) for path, layer in layers for name in getattr(layer, "chosen", ())]


def _counts_centers(name):
    return name.rpartition(".")[2] == "center_counts"


def _is_float16(value):
    return str(value.dtype).rpartition(".")[2] == "float16"  # numpy's float16 or Paddle's paddle.float16


def _cast(value, parameter):
    value = value if isinstance(value, paddle.Tensor) else paddle.to_tensor(value)
    return value if value.dtype == parameter.dtype else value.astype(parameter.dtype)
