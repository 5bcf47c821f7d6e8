"""Weights of ONNX models as int8: rounding, graphs, the choice of what stays float, and accuracy on real pictures."""

import numpy as np
import pytest

from ppocrv2_ext.deploy import accuracy, quantize
from ppocrv2_ext.deploy.labelled import open_samples, read_samples

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

SHAPES = {"Conv": (16, 8, 3, 3), "ConvTranspose": (16, 8, 3, 3), "MatMul": (32, 48), "LSTM": (1, 64, 16)}


def make_model(constants=False, classes=64):
    """A convolution (16, 3, 8, 8), a linear layer (16, C) and a bias, on (B, 3, 8, W): (B, W / 8, C) for C classes."""
    rng = np.random.default_rng(5)
    weights = {
        "kernel": rng.normal(size=(16, 3, 8, 8)) * np.logspace(-2, 2, 16)[:, None, None, None],
        "linear": rng.normal(size=(16, classes)),
        "bias": rng.normal(size=classes),
    }
    tensors = [onnx.numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    node = onnx.helper.make_node
    nodes = [
        node("Conv", ["x", "kernel"], ["conv"], strides=[8, 8]),
        node("Squeeze", ["conv"], ["row"], axes=[2]),
        node("Transpose", ["row"], ["frames"], perm=[0, 2, 1]),
        node("MatMul", ["frames", "linear"], ["product"]),
        node("Add", ["product", "bias"], ["y"]),
    ]
    if constants:
        nodes = [node("Constant", [], [tensor.name], value=tensor) for tensor in tensors] + nodes
    values = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in (("x", ["b", 3, 8, "w"]), ("y", ["b", "t", classes]))
    ]
    graph = onnx.helper.make_graph(nodes, "tiny", values[:1], values[1:], [] if constants else tensors)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 11)], ir_version=7)


def run(model, inputs):
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": inputs})[0]


class TestNumbers:
    def test_values_by_hand(self):
        numbers, scales = quantize.quantize(np.array([[12.7, -6.35, 0.04], [0.0, 0.0, 0.0]], np.float32), (0,))
        assert numbers.tolist() == [[127, -64, 0], [0, 0, 0]]  # -63.5 is rounded to the even number
        assert scales[:, 0] == pytest.approx([0.1, 1.0])

    @pytest.mark.parametrize("operator", SHAPES)
    def test_a_number_is_within_half_a_scale(self, operator):
        array = np.random.default_rng(1).normal(size=SHAPES[operator]).astype(np.float32)
        numbers, scales = quantize.quantize(array, quantize.SCALED_AXES.get(operator, quantize.DEFAULT_AXES))
        assert numbers.dtype == np.int8
        assert numbers.shape == array.shape
        assert (np.abs(numbers * scales - array) <= scales * 0.5001).all()

    @pytest.mark.parametrize(
        ("operator", "shape"),
        [("Conv", (16, 1, 1, 1)), ("ConvTranspose", (1, 8, 1, 1)), ("MatMul", (1, 48)), ("LSTM", (1, 64, 1))],
    )
    def test_every_output_has_its_own_scale(self, operator, shape):
        axes = quantize.SCALED_AXES.get(operator, quantize.DEFAULT_AXES)
        _, scales = quantize.quantize(np.ones(SHAPES[operator], np.float32), axes)
        assert scales.shape == shape

    def test_a_channel_of_small_numbers_keeps_its_precision_beside_large_ones(self):
        array = np.array([[1e-4, 2e-4], [1e4, 2e4]], np.float32)
        numbers, scales = quantize.quantize(array, (0,))
        assert numbers * scales == pytest.approx(array, rel=0.01)


class TestGraphs:
    @pytest.mark.parametrize("constants", [False, True])
    def test_the_network_computes_with_the_rounded_weights(self, constants):
        model = make_model(constants)
        rounded = make_model()
        for tensor in rounded.graph.initializer:
            array = onnx.numpy_helper.to_array(tensor)
            if tensor.name != "bias":
                numbers, scales = quantize.quantize(array, (0,) if tensor.name == "kernel" else (1,))
                array = numbers * scales
            tensor.CopyFrom(onnx.numpy_helper.from_array(array.astype(np.float32), tensor.name))
        small = quantize.store_as_int8(model, ["kernel", "linear"])
        onnx.checker.check_model(small)
        inputs = np.random.default_rng(2).normal(size=(2, 3, 8, 32)).astype(np.float32)
        expected = run(rounded, inputs)
        np.testing.assert_allclose(run(small, inputs), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())

    def test_a_weight_takes_a_quarter_of_its_bytes(self):
        model = make_model()
        small = quantize.store_as_int8(model, ["kernel", "linear"])
        saved = sum(weight.saved for weight in quantize.list_weights(model))
        scales = 4 * (16 + 64)
        assert 0 < saved - (len(model.SerializeToString()) - len(small.SerializeToString())) - scales < 600

    def test_the_model_itself_stays_as_it_is(self):
        model = make_model()
        before = model.SerializeToString()
        quantize.store_as_int8(model, ["kernel"])
        assert model.SerializeToString() == before

    def test_vectors_are_no_weights_and_neither_is_what_is_int8(self):
        model = make_model()
        assert [weight.name for weight in quantize.list_weights(model)] == ["kernel", "linear"]
        assert quantize.list_weights(quantize.store_as_int8(model, ["kernel", "linear"])) == []

    @pytest.mark.parametrize("constants", [False, True])
    def test_the_scales_of_a_layer_with_many_classes_are_no_weights(self, constants):
        model = make_model(constants, classes=2 * quantize.LEAST_NUMBERS)
        small = quantize.store_as_int8(model, ["kernel", "linear"])
        assert max(np.prod(tensor.dims) for tensor in small.graph.initializer if tensor.name == "linear.scale") == 2048
        assert quantize.list_weights(small) == []
        half = quantize.store_as_int8(model, ["linear"])
        assert [weight.name for weight in quantize.list_weights(half)] == ["kernel"]

    def test_what_others_stored_as_int8_is_no_weight(self):
        model, node = make_model(), onnx.helper.make_node
        kept = [tensor for tensor in model.graph.initializer if tensor.name == "bias"]
        for name, shape in (("kernel", (16, 3, 8, 8)), ("linear", (16, 64))):
            blocks = np.ones((shape[0], 64 * 2 if name == "kernel" else 64), np.float32)  # a scale for each block
            kept += [
                onnx.numpy_helper.from_array(np.ones(shape, np.int8), f"{name}.int8"),
                onnx.numpy_helper.from_array(blocks, f"{name}.scale"),
            ]
            model.graph.node.insert(0, node("DequantizeLinear", [f"{name}.int8", f"{name}.scale"], [name]))
        del model.graph.initializer[:]
        model.graph.initializer.extend(kept)
        assert quantize.list_weights(model) == []

    def test_an_unknown_weight_is_refused(self):
        with pytest.raises(KeyError):
            quantize.store_as_int8(make_model(), ["gone"])


class TestChoice:
    def sensitivities(self, model):
        inputs = np.random.default_rng(3).normal(size=(1, 3, 8, 32)).astype(np.float32)
        expected = run(model, inputs)
        return quantize.measure_sensitivities(model, lambda other: np.abs(run(other, inputs) - expected).mean())

    def test_the_most_sensitive_weight_for_its_bytes_comes_first(self):
        found = self.sensitivities(make_model())
        assert found[0].change_per_byte >= found[1].change_per_byte > 0

    def test_all_weights_are_chosen_if_nothing_is_lost(self):
        model = make_model()
        found = self.sensitivities(model)
        chosen = quantize.choose_weights(model, found, lambda other: 0.0, 0.0)
        assert sorted(chosen) == ["kernel", "linear"]

    def test_the_most_sensitive_weight_stays_float_if_all_cost_too_much(self):
        model = make_model()
        found = self.sensitivities(model)

        def drop(other):
            return 5.0 * (len(quantize.list_weights(other)) == 0)

        assert quantize.choose_weights(model, found, drop, 1.0) == [found[1].weight.name]

    def test_none_is_chosen_if_each_costs_too_much(self):
        model = make_model()
        assert quantize.choose_weights(model, self.sensitivities(model), lambda other: 2.0, 1.0) == []


class TestAccuracy:
    def test_a_classifier_that_says_always_the_same_is_right_half_the_time(self, samples):
        from ppocrv2_ext.deploy.settings import LineSettings

        opened = open_samples(read_samples(samples / "icdar2015_words" / "test.txt", None, "cls", 4).samples)
        labels = [sample.label for sample in opened.samples]
        always = lambda inputs: np.tile([[0.01, 0.99]], (len(inputs), 1))  # noqa: E731
        assert accuracy.measure_accuracy("cls", always, LineSettings(48, 192, None), opened.pictures, labels) == 50

    def test_a_blind_detector_has_an_f1_of_nothing(self, samples):
        from ppocrv2_ext.deploy.settings import official_settings

        opened = open_samples(read_samples(samples / "icdar2015_scenes" / "test.txt", None, "det", 2).samples)
        labels = [sample.label for sample in opened.samples]
        blind = lambda inputs: np.zeros((1, 1, *inputs.shape[2:]), np.float32)  # noqa: E731
        assert accuracy.measure_accuracy("det", blind, official_settings("det"), opened.pictures, labels) == 0
