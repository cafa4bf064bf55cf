"""Files of TensorFlow 1: checkpoints by names, and graphs without their weights."""

import re

from modelfile import checkpoints, graphs, zips
from modelfile.arrays import Array, check_values
from modelfile.description import quoted, some
from modelfile.late import import_tensorflow
from modelfile.not_models import head
from modelfile.sentences import say

import numpy as np

TABLE_END = bytes.fromhex(
    "57fb808b247547db"
)  # of an index, and of a checkpoint in one file


def checkpoint_in_one_file(path, description):
    """A checkpoint in the first format, V1: one file, without an index."""
    if path.suffix in (".index", ".meta") or path.stat().st_size < 48:
        return False
    with open(path, "rb") as file:
        file.seek(-8, 2)
        if file.read() != TABLE_END:
            return False
    description.is_a(
        "checkpoint1", say("A checkpoint of TensorFlow 1 in one file (format V1).")
    )
    if path.stat().st_size > graphs.MOST:
        raise zips.RefusedError(
            say("It is larger than {} bytes: not read.", f"{graphs.MOST:,}")
        )
    tf = import_tensorflow()
    reader = tf.compat.v1.train.NewCheckpointReader(str(path))
    variables = {}
    dtypes = reader.get_variable_to_dtype_map()
    for name, shape in sorted(reader.get_variable_to_shape_map().items()):
        array = Array(name, tuple(shape), dtypes[name].name)
        if array.size * dtypes[name].size <= path.stat().st_size:
            array.values = lambda name=name: [np.asarray(reader.get_tensor(name))]
        variables[name] = array
    check_values(description, list(variables.values()))
    checkpoints.say_tensorflow_1(description, path, variables)
    return True


def graph_beside_checkpoint(path, description):
    """A `.meta` file: the graph of a model of TensorFlow 1, beside its checkpoint."""
    if path.suffix != ".meta":
        return False
    description.is_a("graph1", say("A file that ends in .meta."))
    message = graphs.part_of_tensorflow("tensorflow.core.protobuf.meta_graph_pb2")
    meta = graphs.parse(message.MetaGraphDef(), path)
    if not meta.graph_def.node:
        raise ValueError(say("it has no graph of TensorFlow"))
    description.is_a(
        "graph1",
        say(
            "The computation of a model of TensorFlow 1 (MetaGraphDef), without its weights."
        ),
    )
    version = meta.meta_info_def.tensorflow_version or "1"
    description.written_by.append(say("TensorFlow {}; it does not say when.", version))
    say_graph(description, meta.graph_def)
    prefix = path.with_suffix("")
    description.needs.append(
        say("Its weights: the checkpoint {} beside it.", quoted(prefix.name))
    )
    description.can.append(say("Predict, with the weights, as TensorFlow 1 did."))
    description.code = [
        "import tensorflow as tf",
        "tf.compat.v1.disable_eager_execution()",
        "session = tf.compat.v1.Session()",
        f"saver = tf.compat.v1.train.import_meta_graph({quoted(path)})",
        f"saver.restore(session, {quoted(prefix)})",
    ]
    return True


def graph_as_text(path, description):
    """A `.pbtxt` file: a graph of TensorFlow as text."""
    start = head(path).lstrip()
    if not re.match(rb"(node|library|versions) *\{", start):
        return False
    description.is_a("graph.text", say("A graph of TensorFlow as text (GraphDef)."))
    if path.stat().st_size > 20_000_000:
        raise zips.RefusedError(
            say("It is larger than {} bytes: not read.", "20,000,000")
        )
    from google.protobuf import text_format  # noqa: PLC0415  only here

    message = graphs.part_of_tensorflow("tensorflow.core.framework.graph_pb2")
    graph = message.GraphDef()
    text_format.Parse(path.read_text(encoding="utf-8"), graph)
    description.written_by.append(
        say("TensorFlow; the file does not say which version, nor when.")
    )
    say_graph(description, graph)
    description.can.append(say("Not predict: it has no weights."))
    description.usable = False
    description.problems.append(
        say("A computation alone. Ask for its checkpoint, and its .meta file.")
    )
    return True


def say_graph(description, graph):
    description.contents.append(say("{} operations.", f"{len(graph.node):,}"))
    graphs.say_operations(description, graph.node)
    inputs = [node.name for node in graph.node if node.op == "Placeholder"]
    kinds = ("VariableV2", "VarHandleOp", "Variable")
    variables = [node.name for node in graph.node if node.op in kinds]
    description.contents.append(say("Inputs: {}.", some(inputs, 4)))
    description.contents.append(
        say("Variables, without their values: {}.", some(variables, 4))
    )
