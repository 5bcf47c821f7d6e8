"""Training stops at the first loss or weight that is not finite, before a step is taken or a checkpoint written."""

import functools

import paddle

from .loader import named


def check_loss(build_loss):
    """PaddleOCR's ``build_loss``, of losses that are watched.

    Raises (the loss):
        FloatingPointError: a term, or the sum, is not finite; half a sentence that names it and the batch's files.
    """

    @functools.wraps(build_loss)
    def built(config):
        loss = build_loss(config)
        loss.forward = _watched(loss.forward)
        return loss

    return built


def check_checkpoint(save_model):
    """PaddleOCR's ``save_model`` that overwrites no checkpoint with weights that are not finite.

    Raises (the new function):
        FloatingPointError: the sentence names the first of them.
    """

    @functools.wraps(save_model)
    def saved(model, *rest, **more):
        state = {name: value for name, value in model.state_dict().items() if value.is_floating_point()}
        broken = _not_finite(state)
        if broken:
            raise FloatingPointError(f"after the last step, weight {broken[0]!r} is not finite")
        return save_model(model, *rest, **more)

    return saved


def _watched(forward):
    @functools.wraps(forward)
    def watched(predicts, batch):
        try:
            terms = forward(predicts, batch)
            if not paddle.isfinite(terms["loss"]).all():
                tensors = {name: value for name, value in terms.items() if paddle.is_tensor(value)}
                name = min(_not_finite(tensors), key=lambda name: name == "loss")  # a part says more than the sum
                raise FloatingPointError(f"the loss term {name!r} is {float(tensors[name].sum())}")
        except FloatingPointError as error:
            files = getattr(batch, "files", None)
            raise FloatingPointError(f"{error}, in a batch of {named(files)}" if files else str(error)) from error
        return terms

    return watched


def _not_finite(tensors):
    """The names of those tensors that hold NaN or infinity."""
    finite = paddle.stack([paddle.isfinite(tensor).all() for tensor in tensors.values()]).numpy()
    return [name for name, fine in zip(tensors, finite) if not fine]
