"""Graphs of TensorFlow: SavedModels and frozen graphs, read as protocol buffers."""

import importlib
import importlib.util
import sys
import types

from modelfile import checkpoints, zips
from modelfile import keras_config as kc
from modelfile.arrays import Array, check_values, shape_text
from modelfile.description import literal, quoted, shorten, some
from modelfile.sentences import say

import numpy as np

# Operations at whose end there is no prediction.
NO_RESULT = {"NoOp", "Placeholder", "Const", "Assert", "PrintV2", "WriteFile"}
NO_RESULT |= {"PlaceholderWithDefault", "SaveV2", "AssignVariableOp", "Assign"}
MOST = 300_000_000  # bytes of a graph that is read
# Operations that touch files or run Python.
FILE_OPERATIONS = {"WriteFile", "ReadFile", "PyFunc", "EagerPyFunc", "PyFuncStateless"}
FILE_OPERATIONS |= {"DatasetToTFRecord", "SaveDataset", "LoadDataset"}
TYPES = {1: "float32", 2: "float64", 14: "bfloat16", 19: "float16", 7: "string"}
TYPES |= {3: "int32", 4: "uint8", 5: "int16", 6: "int8", 9: "int64", 10: "bool"}
TYPES |= {17: "uint16", 22: "uint32", 23: "uint64"}
NUMPY = {"float32": "<f4", "float64": "<f8", "float16": "<f2"}
TRUST = say(
    "TensorFlow. Load one only from somebody you trust: it can write files (lesson 17)."
)


def saved_model(path, description):
    """A SavedModel: its folder, or one of the files in it."""
    if path.name in ("saved_model.pb", "keras_metadata.pb", "fingerprint.pb"):
        path = path.parent
    elif path.parent.name == "variables":
        path = path.parent.parent
    if not (path / "saved_model.pb").is_file():
        return False
    description.is_a(
        "savedmodel", say("A SavedModel, TensorFlow's folder for a computation.")
    )
    description.path = path.as_posix()
    graph = first_graph(path / "saved_model.pb")
    metadata = keras_2_metadata(path, graph)
    objects = graph.object_graph_def.nodes
    children = {child.local_name for child in objects[0].children} if objects else set()
    of_keras_3 = {"_misc_assets", "serve"} <= children
    say_writer(description, graph, metadata, of_keras_3)
    if metadata is not None:
        say_metadata(description, metadata)
    nodes = list(graph.graph_def.node)
    for function in graph.graph_def.library.function:
        nodes += function.node_def
    say_operations(description, nodes)
    signature = say_signatures(description, graph)
    say_variables(description, path, has_optimizer=metadata is not None)
    description.needs.append(TRUST)
    description.can.append(
        say("Predict, without your classes: their computation is in it.")
    )
    description.code = saved_model_lines(path, signature)
    if metadata is None:
        description.can.append(
            say("Not continue training: it has no fit, and load_model refuses it.")
        )
    elif kc.layers_of(metadata):
        description.can.append(
            say(
                "Continue training where it stopped, after it is converted: see the last line "
                "below. (load_model of Keras 3 refuses it.)"
            )
        )
        description.code += kc.convert_lines()
    else:
        description.can.append(
            say(
                "Continue training where it stopped, with its class: build its model in Keras 3 "
                "with the same attributes, compile it, then keras2.convert(path, model)."
            )
        )
    return True


def say_writer(description, graph, metadata, of_keras_3):
    writer = say("no Keras: a tf.Module or another program made it")
    if metadata is not None:
        description.is_a(
            "keras2.savedmodel",
            say(
                "A whole model of Keras 2 as a SavedModel, the folder that "
                'model.save("folder") wrote.'
            ),
        )
        writer = f"Keras {shorten(metadata.get('keras_version', '2'), 20)}"
    elif of_keras_3:
        description.what = say(
            "A SavedModel, a computation to predict with, as model.export of Keras 3 "
            "writes it."
        )
        writer = "Keras 3"
    version = shorten(graph.meta_info_def.tensorflow_version, 20)
    description.facts["tensorflow_version"] = version
    description.written_by.append(
        say("TensorFlow {}, and {}; it does not say when.", version, writer)
    )


def keras_2_metadata(path, graph):
    """Return what Keras 2 says about its model, as a dict; None if it is not of Keras 2."""
    text = ""
    nodes = graph.object_graph_def.nodes
    if (path / "keras_metadata.pb").is_file():  # since TensorFlow 2.5
        message = part_of_tensorflow(
            "tensorflow.python.keras.protobuf.saved_metadata_pb2"
        )
        saved = parse(message.SavedMetadata(), path / "keras_metadata.pb")
        text = "".join(
            node.metadata for node in saved.nodes if node.node_path == "root"
        )
    elif nodes and nodes[0].user_object.identifier.startswith("_tf_keras_"):
        text = nodes[0].user_object.metadata
    found = kc.parse(text) if text else None
    return found if isinstance(found, dict) else None


def say_metadata(description, metadata):
    if kc.layers_of(metadata):
        kc.name_layers(description, metadata)
    else:
        name = shorten(metadata.get("class_name"), 60)
        description.facts["own_classes"] = [name]
        description.needs.append(
            say("To continue training, code that is not in it: the class {}.", name)
        )
    kc.say_compiled(description, metadata.get("training_config"))


def say_variables(description, path, has_optimizer):
    variables = checkpoints.read_variables(
        f"{path.as_posix()}/variables/variables", description
    )
    if variables is None:
        return
    # Keras 3 writes each weight twice (issue 23553 of Keras).
    once = {k: v for k, v in variables.items() if not k.startswith("_all_variables/")}
    checkpoints.add_variables(description, once)
    steps = None
    if has_optimizer:
        steps = checkpoints.add_state(
            description, once, description.facts.get("optimizer", "?")
        )
    if steps is None:
        description.contents.append(say("No optimizer's state."))


def say_signatures(description, graph):
    """Say what can be called, and return (name, lines that make its data) of the best."""
    shown = None
    for name, signature in sorted(graph.signature_def.items()):
        if name.startswith("__"):
            continue
        inputs = [
            f"{k} {shape(info.tensor_shape)}" for k, info in signature.inputs.items()
        ]
        outputs = [shape(info.tensor_shape) for info in signature.outputs.values()]
        description.contents.append(
            say(
                "Function {}: from {} to {}.",
                shorten(name, 40),
                some(inputs, 3) or "()",
                some(outputs, 3) or "()",
            )
        )
        data = kc.named_data_lines(
            [
                (key, *example(info.tensor_shape, info.dtype))
                for key, info in sorted(signature.inputs.items())
            ]
        )
        if data and (shown is None or name == "serving_default"):
            shown = name, data
        inputs = signature.inputs.items()
        say_unknown(
            description, [key for key, info in inputs if info.tensor_shape.unknown_rank]
        )
    return shown


def say_unknown(description, names):
    """Say of which inputs a graph does not say the shape."""
    sentence = say("The shape of {}: it is not in the file.", some(sorted(names), 4))
    if names and sentence not in description.needs:
        description.needs.append(sentence)


def saved_model_lines(path, signature):
    lines = ["import tensorflow as tf", f"loaded = tf.saved_model.load({quoted(path)})"]
    if signature is None:
        return [*lines, "print(list(loaded.signatures))"]
    name, data = signature
    return [
        *data[:1],
        *lines,
        f"predict = loaded.signatures[{literal(name)}]",
        *data[1:],
        "tensors = {name: tf.constant(array) for name, array in data.items()}",
        "predictions = predict(**tensors)",
    ]


def frozen_graph(path, description):
    """A GraphDef in a `.pb` file, with the weights as constants."""
    if path.suffix != ".pb":
        return False
    description.is_a("graph", say("A file that ends in .pb."))
    message = part_of_tensorflow("tensorflow.core.framework.graph_pb2")
    graph = parse(message.GraphDef(), path)
    if not graph.node or not all(node.op for node in graph.node):
        if first_graph(path).graph_def.node:
            description.is_a(
                "savedmodel", say("The graph of a SavedModel, without its folder.")
            )
            description.refuse(
                say("Name it saved_model.pb again, beside its folder variables.")
            )
            return True
        raise ValueError(say("it has no graph of TensorFlow"))
    description.is_a(
        "graph",
        say(
            "A frozen graph of TensorFlow (GraphDef): a computation, with its weights as "
            "constants."
        ),
    )
    description.written_by.append(
        say("TensorFlow; the file does not say which version, nor when.")
    )
    description.contents.append(say("{} operations.", f"{len(graph.node):,}"))
    say_operations(description, graph.node)
    variables = [
        node.name for node in graph.node if node.op in ("VariableV2", "VarHandleOp")
    ]
    if variables:
        description.refuse(
            say("Its weights are not in it: {} are variables.", some(variables, 4))
        )
    arrays = [constant(node) for node in graph.node if node.op == "Const"]
    arrays = [array for array in arrays if array.shape and array.dtype in NUMPY]
    kc.add_layers(
        description, [({"name": one.name, "kind": "Const"}, [one]) for one in arrays]
    )
    check_values(description, arrays, infinite=False)
    description.needs.append(TRUST)
    description.can += [
        say("Predict."),
        say("Not continue training: its weights are constants."),
    ]
    description.code = frozen_graph_lines(path, graph, description)
    return True


def frozen_graph_lines(path, graph, description):
    inputs = [node for node in graph.node if node.op == "Placeholder"]
    used = {
        name.lstrip("^").partition(":")[0] for node in graph.node for name in node.input
    }
    outputs = [
        n.name for n in graph.node if n.name not in used and n.op not in NO_RESULT
    ]
    names = [node.name for node in inputs]
    description.contents.append(
        say("Inputs: {}. Outputs: {}.", some(names, 4), some(outputs, 4))
    )
    lines = [
        "import tensorflow as tf",
        "graph = tf.compat.v1.GraphDef()",
        f'graph.ParseFromString(open({quoted(path)}, "rb").read())',
        'load = lambda: tf.import_graph_def(graph, name="")',
        "loaded = tf.compat.v1.wrap_function(load, [])",
    ]
    data = kc.named_data_lines(
        [
            (f"{n.name}:0", *example(n.attr["shape"].shape, n.attr["dtype"].type))
            for n in inputs
        ]
    )
    say_unknown(
        description, [n.name for n in inputs if n.attr["shape"].shape.unknown_rank]
    )
    if not data or not outputs:
        return lines
    ends = ", ".join(literal(f"{name}:0") for name in outputs)
    return [
        *data[:1],
        *lines,
        *data[1:],
        f"predict = loaded.prune(list(data), [{ends}])",
        "predictions = predict(*map(tf.constant, data.values()))",
    ]


def constant(node):
    """Return the Array of an operation Const."""
    proto = node.attr["value"].tensor
    sizes = tuple(dim.size for dim in proto.tensor_shape.dim)
    array = Array(node.name, sizes, TYPES.get(proto.dtype, "other"))
    if array.dtype in NUMPY and proto.tensor_content:
        array.values = lambda: [np.frombuffer(proto.tensor_content, NUMPY[array.dtype])]
    return array


def say_operations(description, nodes):
    found = FILE_OPERATIONS & {node.op for node in nodes}
    for node in nodes:
        if node.op == "PrintV2" and node.attr["output_stream"].s.startswith(b"file:"):
            found.add("PrintV2")
    found = sorted(found)
    description.facts["file_operations"] = found
    if found:
        description.problems.append(
            say(
                "It has operations that read or write files, or run Python: {}.",
                some(found),
            )
        )


def shape(proto):
    if proto.unknown_rank:
        return "(...)"
    return shape_text([None if dim.size < 0 else dim.size for dim in proto.dim])


def example(proto, dtype):
    """Return (shape of one example as text, dtype); None for a shape that is not clear."""
    if proto.unknown_rank:
        return None, "?"
    sizes = [None if dim.size < 0 else dim.size for dim in proto.dim]
    return kc.example_shape(sizes), TYPES.get(dtype, "?")


def first_graph(path):
    message = part_of_tensorflow("tensorflow.core.protobuf.saved_model_pb2")
    saved = parse(message.SavedModel(), path)
    if not saved.meta_graphs:
        raise ValueError(say("it has no graph of TensorFlow"))
    return saved.meta_graphs[0]


def parse(message, path):
    """Fill a protocol buffer from a file, and return it."""
    if path.stat().st_size > MOST:
        raise zips.RefusedError(
            say("{} is larger than {} bytes: not read.", path.name, f"{MOST:,}")
        )
    message.ParseFromString(path.read_bytes())
    return message


def part_of_tensorflow(name):
    """Import a module of TensorFlow without TensorFlow, which takes three seconds.

    For the time of the import, empty modules stand for the packages that it is in.
    """
    packages = name.split(".")[:-1]
    stand_ins = []
    for count in range(1, len(packages) + 1):
        package = ".".join(packages[:count])
        if package not in sys.modules:
            spec = importlib.util.find_spec(package)
            stand_in = types.ModuleType(package)
            stand_in.__path__ = list(spec.submodule_search_locations)
            sys.modules[package] = stand_in
            stand_ins.append(package)
    try:
        return importlib.import_module(name)
    finally:
        for package in stand_ins:
            del sys.modules[package]
