"""LiteRT (TensorFlow Lite): `.tflite` files, read with the classes of the package itself."""

import math

from modelfile import keras_config as kc
from modelfile import zips
from modelfile.arrays import Array, check_values, shape_text
from modelfile.description import quoted, shorten, some
from modelfile.not_models import head
from modelfile.sentences import say

MOST = 500_000_000  # bytes that are read
COUNT = 100_000  # tensors, operations
BYTES = {
    "float32": 4,
    "float64": 8,
    "float16": 2,
    "bfloat16": 2,
    "int64": 8,
    "int32": 4,
}
BYTES |= {"int16": 2, "int8": 1, "uint8": 1, "bool": 1}


def litert(path, description):
    """A LiteRT file, `.tflite`."""
    if head(path)[4:8] != b"TFL3":
        return False
    description.is_a(
        "litert",
        say("A model for LiteRT (TensorFlow Lite), .tflite, for phones and more."),
    )
    if path.stat().st_size > MOST:
        raise zips.RefusedError(
            say("It is larger than {} bytes: not read.", f"{MOST:,}")
        )
    from ai_edge_litert import schema_py_generated as schema  # noqa: PLC0415  only here

    model = schema.Model.GetRootAs(path.read_bytes())
    graph = model.Subgraphs(0)
    counts = graph.TensorsLength(), graph.OperatorsLength(), model.OperatorCodesLength()
    if max(counts) > COUNT:
        raise ValueError(say("it has {} parts", f"{max(counts):,}"))
    dtypes = {
        number: name.lower()
        for name, number in vars(schema.TensorType).items()
        if isinstance(number, int)
    }
    version = runtime_version(model)
    description.written_by.append(
        say("A converter for LiteRT; it asks for the runtime {} or newer.", version)
        if version
        else say("A converter for LiteRT; the file does not say more.")
    )
    say_operations(description, model, graph, schema)
    arrays = constants(model, graph, dtypes, description)
    kc.add_layers(
        description, [({"name": one.name, "kind": ""}, [one]) for one in arrays]
    )
    check_values(description, arrays, infinite=False)
    description.needs.append(say("The package ai-edge-litert; no TensorFlow."))
    description.can += [
        say("Predict."),
        say("Not continue training, and not become a Keras model again."),
    ]
    inputs = inputs_of(graph, dtypes)
    description.contents.append(
        say("Inputs: {}.", some([" ".join(one) for one in inputs], 4))
    )
    description.code = lines(path, inputs, model.SignatureDefsLength() > 0)
    return True


def runtime_version(model):
    for place in range(min(model.MetadataLength(), 100)):
        entry = model.Metadata(place)
        if entry.Name() == b"min_runtime_version":
            text = bytes(model.Buffers(entry.Buffer()).DataAsNumpy())
            return shorten(text.rstrip(b"\0").decode("ascii", "replace"), 20)
    return None


def say_operations(description, model, graph, schema):
    names = {
        number: name
        for name, number in vars(schema.BuiltinOperator).items()
        if isinstance(number, int)
    }
    codes = [model.OperatorCodes(place) for place in range(model.OperatorCodesLength())]
    used = []
    for place in range(graph.OperatorsLength()):
        code = codes[graph.Operators(place).OpcodeIndex()]
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        used.append(names.get(number, str(number)))
    description.contents.append(
        say("{} operations: {}.", f"{len(used):,}", some(dict.fromkeys(used), 8))
    )
    custom = [code.CustomCode() for code in codes if code.CustomCode()]
    custom = sorted(name.decode("utf-8", "replace") for name in custom)
    if any(name.startswith("Flex") for name in custom):
        description.refuse(
            say(
                "It has operations of TensorFlow that LiteRT does not have: {}. Export it "
                "without them (lesson 14).",
                some(custom, 4),
            )
        )
    elif custom:
        description.refuse(
            say(
                "It has operations that only a library of its author has: {}.",
                some(custom, 4),
            )
        )


def constants(model, graph, dtypes, description):
    """Return the arrays whose values are in the file."""
    arrays = []
    for place in range(graph.TensorsLength()):
        tensor = graph.Tensors(place)
        buffer = model.Buffers(tensor.Buffer())
        length = buffer.DataLength() if buffer is not None else 0
        if not length:
            continue
        dtype = dtypes.get(tensor.Type(), "?")
        name = (tensor.Name() or b"").decode("utf-8", "replace")
        array = Array(name, sizes(tensor), dtype)
        if tensor.Sparsity() is not None:
            pass  # only the numbers that are not zero are there
        elif array.size * BYTES.get(dtype, 0) not in (0, length):
            description.refuse(
                say("{} has not as many values as its shape says.", shorten(name, 60))
            )
        elif dtype == "float32":
            array.values = lambda buffer=buffer: [buffer.DataAsNumpy().view("<f4")]
        arrays.append(array)
    return arrays


def sizes(tensor):
    return tuple(tensor.Shape(place) for place in range(min(tensor.ShapeLength(), 20)))


def inputs_of(graph, dtypes):
    """Return (shape as text, dtype) of each input."""
    inputs = []
    for place in range(min(graph.InputsLength(), 20)):
        tensor = graph.Tensors(graph.Inputs(place))
        shape = [max(1, size) for size in sizes(tensor)]
        if math.prod(shape) > 10_000_000:
            raise ValueError(say("an input is too large"))
        inputs.append((shape_text(shape), dtypes.get(tensor.Type(), "?")))
    return inputs


def lines(path, inputs, has_signature):
    start = [
        "from ai_edge_litert.interpreter import Interpreter",
        f'interpreter = Interpreter(model_content=open({quoted(path)}, "rb").read())',
    ]
    if len(inputs) != 1:
        return [*start, "print(interpreter.get_input_details())"]
    start += kc.data_lines(inputs)
    if has_signature:
        return [
            *start,
            "runner = interpreter.get_signature_runner()",
            "(name,) = runner.get_input_details()",
            "predictions = runner(**{name: x})",
        ]
    return [
        *start,
        "interpreter.allocate_tensors()",
        'interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)',
        "interpreter.invoke()",
        'predictions = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])',
    ]
