"""LiteRT (TensorFlow Lite): `.tflite` files, read with the classes of the package itself."""

from modelfile import keras_config as kc
from modelfile import zips
from modelfile.arrays import Array, check_values
from modelfile.description import literal, quoted, shorten, some
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
    shown = [f"{name} {shape or '(...)'} {dtype}" for name, shape, dtype in inputs]
    description.contents.append(say("Inputs: {}.", some(shown, 4)))
    description.code = lines(path, model, inputs, dtypes)
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
    """Return (name, shape as text, dtype) of each input."""
    places = [graph.Inputs(place) for place in range(min(graph.InputsLength(), 100))]
    return [input_of(graph.Tensors(place), dtypes, sizes) for place in places]


def input_of(tensor, dtypes, sizes_of):
    """Return (name, shape as text or None, dtype) of an input."""
    name = (tensor.Name() or b"").decode("utf-8", "replace")
    shape = kc.example_shape(sizes_of(tensor))
    return name, shape, dtypes.get(tensor.Type(), "?")


def open_sizes(tensor):
    """Return the sizes of a tensor, None for those that a signature leaves open."""
    if not tensor.ShapeSignatureLength():
        return sizes(tensor)
    found = [tensor.ShapeSignature(n) for n in range(min(tensor.ShapeLength(), 20))]
    return [None if size < 0 else size for size in found]


def lines(path, model, inputs, dtypes):
    start = [
        "from ai_edge_litert.interpreter import Interpreter",
        f'interpreter = Interpreter(model_content=open({quoted(path)}, "rb").read())',
    ]
    signature = model.SignatureDefs(0) if model.SignatureDefsLength() else None
    if signature is not None:
        graph = model.Subgraphs(signature.SubgraphIndex())
        inputs = []
        for place in range(min(signature.InputsLength(), 100)):
            one = signature.Inputs(place)
            name = one.Name().decode("utf-8", "replace")
            tensor = graph.Tensors(one.TensorIndex())
            inputs.append((name, *input_of(tensor, dtypes, open_sizes)[1:]))
    data = kc.named_data_lines(inputs)
    if not data:
        return [*start, "print(interpreter.get_input_details())"]
    start = [*data[:1], *start, *data[1:]]
    if signature is not None:
        key = literal((signature.SignatureKey() or b"").decode("utf-8", "replace"))
        return [
            *start,
            f"predict = interpreter.get_signature_runner({key})",
            "predictions = predict(**data)",
        ]
    return [
        *start,
        "interpreter.allocate_tensors()",
        "for place, array in zip(interpreter.get_input_details(), data.values()):",
        '    interpreter.set_tensor(place["index"], array)',
        "interpreter.invoke()",
        "ends = interpreter.get_output_details()",
        'predictions = [interpreter.get_tensor(place["index"]) for place in ends]',
    ]
