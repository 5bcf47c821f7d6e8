"""Run by test_ctc_branch.py in a process of its own: our MultiHead and MultiLoss beside those of a clone of PaddleOCR.

Prints a line of JSON for each kind of second branch: what its test compares.
"""

import json
import sys
import tempfile

import numpy as np
import paddle
from paddle.static import InputSpec

from ppocrv2_ext.host import connect

B, T, C, D, CHANNELS, LONGEST = 2, 12, 7, 4, 32, 5
DECODERS = {"CTCLabelDecode": C, "SARLabelDecode": C + 2, "NRTRLabelDecode": C + 3}
LABELS, LENGTHS = [[1, 2, 2, 0, 0], [3, 1, 0, 0, 0]], [3, 2]
BRANCHES = {  # second branch: its arguments, its loss and the arguments of that, its labels as PaddleOCR pads them
    "NRTRHead": (
        {"nrtr_dim": 32, "num_decoder_layers": 1, "max_text_length": LONGEST},
        {"NRTRLoss": None},
        [[2, 5, 6, 6, 3, 0, 0], [2, 7, 5, 3, 0, 0, 0]],
    ),
    "SARHead": (
        {"enc_dim": 8, "d_k": 8, "max_text_length": LONGEST},
        {"SARLoss": {"ignore_index": C + 1}},
        [[7, 1, 2, 2, 7], [7, 3, 1, 7, 8]],
    ),
}


def build(ctc_head, ctc_loss, options, branch):
    from ppocr.losses import build_loss
    from ppocr.modeling.heads import build_head

    arguments, second_loss, _ = BRANCHES[branch]
    paddle.seed(0)
    ctc = {"Neck": {"name": "reshape"}, "Head": {"mid_channels": D, "use_guide": True}}
    head = build_head(
        {
            "name": "MultiHead",
            "in_channels": CHANNELS,
            "out_channels_list": DECODERS,
            "head_list": [{ctc_head: ctc}, {branch: arguments}],
        }
    )
    terms = {"loss_config_list": [{ctc_loss: options}, second_loss]}
    return head, build_loss({"name": "MultiLoss", "weight_1": 0.5, "weight_2": 2.0, **terms})


def run(head, loss, branch):
    """{term: value} of one step, and {parameter: gradient}."""
    head.train()
    head.clear_gradients()
    maps = paddle.to_tensor(np.random.default_rng(3).normal(size=(B, CHANNELS, 1, T)).astype("float32"))
    texts = [paddle.to_tensor(each, dtype="int64") for each in (LABELS, BRANCHES[branch][2], LENGTHS)]
    batch = [None, *texts, paddle.ones([B])]
    paddle.seed(5)  # of dropout
    terms = loss(head(maps, batch), batch)
    terms["loss"].backward()
    gradients = {name: each.grad.numpy() for name, each in head.named_parameters() if each.grad is not None}
    return {name: float(value) for name, value in terms.items()}, gradients


def list_operations(head):
    """The names of the operations of the head as it is exported."""
    head.eval()
    with tempfile.TemporaryDirectory() as folder:
        paddle.jit.save(head, f"{folder}/head", input_spec=[InputSpec([None, CHANNELS, 1, T], "float32")])
        exported = paddle.jit.load(f"{folder}/head")
    program = exported.program()  # it has to live as long as its operations
    return [operation.name() for operation in program.global_block().ops]


def read(head):
    head.eval()
    return head(paddle.ones([1, CHANNELS, 1, T])).numpy()


def compare(branch):
    stock = build("CTCHead", "CTCLoss", None, branch)
    plain = build("CenterCTCHead", "CTCCenterLoss", {"center_weight": 0}, branch)
    head, loss = build("CenterCTCHead", "CTCCenterLoss", {"center_weight": 0.25}, branch)
    extra = sorted(set(head.state_dict()) - set(stock[0].state_dict()))
    for each in (plain[0], head):
        each.set_state_dict({**each.state_dict(), **stock[0].state_dict()})
    same_reading = bool((read(stock[0]) == read(head)).all())
    (stock_terms, expected), (plain_terms, gradients) = run(*stock, branch), run(*plain, branch)
    run(head, loss, branch)
    terms, _ = run(head, loss, branch)
    resumed, _ = build("CenterCTCHead", "CTCCenterLoss", {}, branch)
    resumed.set_state_dict(head.state_dict())
    centers = [each.ctc_head.centers.numpy().tolist() for each in (head, resumed)]
    return {
        "branch": branch,
        "extra": extra,
        "same_reading": same_reading,
        "operations": [list_operations(each) for each in (stock[0], head)],
        "stock": stock_terms,
        "plain": plain_terms,
        "with_gradient": [sorted(expected), sorted(gradients)],
        "difference": max(float(abs(gradients[name] - expected[name]).max()) for name in expected),
        "largest_gradient": max(float(abs(each).max()) for each in expected.values()),
        "counts_of_plain": int(plain[0].ctc_head.center_counts.sum()),
        "terms": terms,
        "counts": head.ctc_head.center_counts.numpy().tolist(),
        "centers": centers,
    }


if __name__ == "__main__":
    connect(sys.argv[1])
    paddle.set_device("cpu")
    for each in BRANCHES:
        print(json.dumps(compare(each)))
