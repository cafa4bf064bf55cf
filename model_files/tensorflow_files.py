"""The kinds of files that TensorFlow writes: checkpoints, SavedModels, frozen graphs."""

import importlib
import importlib.util
import re
import sys
import types

import numpy as np

from model_files import keras_config as kc
from model_files import zips
from model_files.arrays import Array, check_values, shape_text
from model_files.description import quoted, shorten, some

GRAPH = 300_000_000  # bytes of a graph that is read
ONE_ARRAY = 200_000_000  # bytes
END = "/.ATTRIBUTES/VARIABLE_VALUE"
# Operations that touch files or run Python.
FILE_OPERATIONS = {"WriteFile", "ReadFile", "PyFunc", "EagerPyFunc", "PyFuncStateless"}
FILE_OPERATIONS |= {"DatasetToTFRecord", "SaveDataset", "LoadDataset", "LookupTableExportV2"}
TYPES = {1: "float32", 2: "float64", 3: "int32", 9: "int64", 14: "bfloat16", 19: "float16"}


def checkpoint(path, about):
    """A TensorFlow checkpoint: its prefix, one of its files, or its folder."""
    prefix = _prefix(path)
    if prefix is None:
        return False
    about.is_a("checkpoint", "A TensorFlow checkpoint: the values of variables. The model "
               "itself, its layers and how they are connected, is not in it.")
    about.path = prefix
    name = prefix.rpartition("/")[2]
    if not name:
        about.contents.append("The names of its files begin with a dot: they are hidden.")
    arrays, values = _variables(prefix, about)
    if arrays is None:
        return True
    old = any(".OPTIMIZER_SLOT" in key or "layer_with_weights-" in key for key in values)
    writer = "Keras 2" if old else "TensorFlow 2"
    about.written_by.append(f"{writer}; the file does not say which version, nor when.")
    _add_variables(about, arrays)
    steps = _steps(values)
    about.facts.update(steps=steps, optimizer_state=any(map(_is_state, values)))
    kc.say_state(
        about, "its name is not in the file", steps, about.facts["optimizer_state"]
    ) if steps is not None else about.contents.append("No optimizer's state.")
    about.needs.append("Your program, to build the same model, from the same attributes.")
    about.can += ["Predict, in a model that your program builds.",
                  "Go on training with its optimizer's state." if steps is not None
                  else "Go on training, with a fresh optimizer."]
    roots = sorted({key.partition("/")[0] for key in values} - {"_CHECKPOINTABLE_OBJECT_GRAPH"})
    build = [
        f"from {kc.OWN_CODE} import build_model  # your own: it builds and compiles the model",
        "model = build_model()",
    ]
    if old and "model" not in roots:
        about.code = ["import keras2  # of this project", *build,
                      f"keras2.convert({quoted(prefix)}, model)"]
    elif set(roots) <= {"model", "save_counter"}:
        about.code = ["import tensorflow as tf", *build]
        if steps is not None:
            about.code.append("model.optimizer.build(model.trainable_variables)")
        about.code += [
            f"status = tf.train.Checkpoint(model=model).read({quoted(prefix)})",
            "status.assert_existing_objects_matched()  # or it may load nothing, silently",
        ]
    else:
        about.contents.append(f"Saved as tf.train.Checkpoint({some(roots, 6)}).")
        about.code = ["import tensorflow as tf",
                      f"reader = tf.train.load_checkpoint({quoted(prefix)})",
                      "for name, shape in reader.get_variable_to_shape_map().items():",
                      "    print(name, shape)"]
    return True


def saved_model(path, about):
    """A SavedModel: its folder, or one of the `.pb` files in it."""
    if path.name in ("saved_model.pb", "keras_metadata.pb", "fingerprint.pb"):
        path = path.parent
    if not (path / "saved_model.pb").is_file():
        return False
    about.is_a("savedmodel", "A SavedModel, TensorFlow's folder for a computation.")
    about.path = path.as_posix()
    saved = _parse("saved_model_pb2", "SavedModel", path / "saved_model.pb")
    if not saved.meta_graphs:
        raise ValueError("saved_model.pb has no graph")
    graph = saved.meta_graphs[0]
    metadata = _keras_metadata(path, graph)
    root = graph.object_graph_def.nodes[0] if graph.object_graph_def.nodes else None
    children = {child.local_name for child in root.children} if root else set()
    version = shorten(graph.meta_info_def.tensorflow_version, 20)
    keras_3 = {"_misc_assets", "serve"} <= children
    writer = "no Keras: it was made by a tf.Module or another program"
    if metadata is not None:
        about.kind = "keras2.savedmodel"
        about.what = ("A whole model of Keras 2 as a SavedModel, the folder that "
                      'model.save("folder") wrote.')
        writer = f"Keras {shorten(metadata.get('keras_version', '2'), 20)}"
    elif keras_3:
        about.what = ("A SavedModel, a computation to predict with, as model.export of Keras "
                      "3 writes it.")
        writer = "Keras 3"
    about.facts["tensorflow_version"] = version
    when = "it does not say when"
    about.written_by.append(f"TensorFlow {version}, and {writer}; {when}.")
    if metadata is not None:
        _say_metadata(about, metadata)
    _check_operations(about, graph)
    signature = _say_signatures(about, graph)
    arrays, values = _variables(f"{path.as_posix()}/variables/variables", about)
    if arrays is not None:
        # Keras 3 writes each weight twice (issue 23553 of Keras).
        arrays = [one for one in arrays if not one.name.startswith("_all_variables/")]
        _add_variables(about, arrays)
        steps = _steps(values)
        if steps is not None:
            about.facts.update(steps=steps, optimizer_state=any(map(_is_state, values)))
            kc.say_state(about, about.facts.get("optimizer", "?"), steps,
                         about.facts["optimizer_state"])
        elif metadata is None:
            about.contents.append("No loss, no optimizer.")
    about.can.append("Predict, without your classes: their computation is in it.")
    if metadata is not None:
        about.can.append("Go on training where it stopped, after it is converted: see --convert.")
        about.needs.append("To go on training, --convert: load_model of Keras 3 refuses it.")
    else:
        about.can.append("Not go on training: it has no fit, and load_model refuses it.")
    about.needs.append("TensorFlow. Load one only from somebody you trust: it can write files.")
    _saved_model_lines(about, path, signature, keras_3)
    return True


def frozen_graph(path, about):
    """A GraphDef in a `.pb` file, with the weights as constants."""
    if path.suffix != ".pb" or not path.is_file():
        return False
    saved = None
    try:
        saved = _parse("saved_model_pb2", "SavedModel", path)
    except Exception:  # noqa: BLE001  DecodeError, of which protobuf has several
        pass
    if saved is not None and saved.meta_graphs and saved.saved_model_schema_version:
        about.is_a("savedmodel", "The graph of a SavedModel, without its folder.")
        about.refuse("Name it saved_model.pb, beside its folder variables.")
        return True
    about.is_a("graph", "A file that ends in .pb.")
    graph = _parse("graph_pb2", "GraphDef", path, "tensorflow.core.framework")
    if not graph.node or not all(node.op for node in graph.node):
        raise ValueError("it is no graph of TensorFlow")
    variables = [n.name for n in graph.node if n.op in ("VariableV2", "VarHandleOp")]
    about.is_a("graph", "A frozen graph of TensorFlow (GraphDef): a computation with its "
               "weights as constants." if not variables
               else "A graph of TensorFlow (GraphDef) without its weights.")
    about.written_by.append("TensorFlow; the file does not say which version, nor when.")
    about.contents.append(f"{len(graph.node):,} operations.")
    arrays = []
    for node in graph.node:
        if node.op == "Const" and "value" in node.attr:
            array = _constant(node)
            if array.shape and array.dtype.startswith("float"):
                arrays.append(array)
    kc.add_layers(about, [({"name": array.name, "kind": "Const"}, [array]) for array in arrays])
    check_values(about, arrays)
    if variables:
        about.refuse(f"The weights are not in it: {some(variables, 4)} are variables.")
    _say_operations(about, [node.op for node in graph.node])
    inputs = [node for node in graph.node if node.op == "Placeholder"]
    used = {name.lstrip("^").partition(":")[0] for node in graph.node for name in node.input}
    outputs = [n.name for n in graph.node if n.name not in used and n.op not in
               ("NoOp", "Placeholder", "Const", "Assert")]
    about.contents.append(f"Inputs: {some([n.name for n in inputs], 4)}. "
                          f"Outputs: {some(outputs, 4)}.")
    about.can += ["Predict.", "Not go on training: its weights are constants."]
    about.needs.append("TensorFlow. Load one only from somebody you trust: it can write files.")
    about.code = [
        "import tensorflow as tf",
        "graph = tf.compat.v1.GraphDef()",
        f'graph.ParseFromString(open({quoted(path)}, "rb").read())',
        "load = lambda: tf.import_graph_def(graph, name=\"\")",
        "loaded = tf.compat.v1.wrap_function(load, [])",
    ]
    data = _example(inputs[0].attr["shape"].shape, inputs[0].attr["dtype"].type) if (
        len(inputs) == 1) else None
    if data and len(outputs) == 1:
        about.code += [
            f"predict = loaded.prune({_text(inputs[0].name + ':0')}, "
            f"{_text(outputs[0] + ':0')})",
            *kc.data_lines([data]),
            "predictions = predict(tf.constant(x))",
        ]
    return True


def _prefix(path):
    """Return the prefix of a checkpoint with a name, file or folder of it; or None."""
    text = path.as_posix()
    if path.is_dir():
        if (path / "saved_model.pb").is_file():
            return None
        if (path / ".index").is_file():
            return f"{text}/"
        pointer = path / "checkpoint"
        if pointer.is_file():
            return _newest(pointer)
        found = sorted(path.glob("*.index"), key=lambda file: file.stat().st_mtime)
        return found[-1].as_posix().removesuffix(".index") if found else None
    if path.name == "checkpoint" and path.is_file():
        return _newest(path)
    if path.is_file():
        found = re.fullmatch(r"(.*)(\.index|\.data-\d{5}-of-\d{5})", text)
        return found[1] if found else None
    if path.parent.is_dir() and path.with_name(f"{path.name}.index").is_file():
        return text
    return None


def _newest(pointer):
    """Return the prefix that a file named `checkpoint` points to, in the same folder."""
    if pointer.stat().st_size > 1_000_000:
        return None
    content = pointer.read_text(encoding="utf-8", errors="replace")
    found = re.search(r'^model_checkpoint_path: "(.*)"', content, re.M)
    if not found:
        return None
    name = found[1].replace("\\", "/").rpartition("/")[2]  # a stranger's path is not followed
    return f"{pointer.parent.as_posix()}/{name}" if name != "." else f"{pointer.parent}/"


def _variables(prefix, about):
    """Return the arrays of a checkpoint, and a dict from all keys to functions that read.

    Returns (None, None) if a file is missing.
    """
    import tensorflow as tf  # noqa: PLC0415  it takes seconds, and nothing else needs it
    from pathlib import Path

    folder, _, name = prefix.rpartition("/")
    folder = Path(folder or ".")
    found = sorted(file.name for file in folder.iterdir()) if folder.is_dir() else []
    if f"{name}.index" not in found:
        about.refuse(f"{name}.index is missing: without it the other files say nothing.")
        return None, None
    parts = [file for file in found if re.fullmatch(
        re.escape(name) + r"\.data-\d{5}-of-\d{5}", file)]
    count = int(parts[0][-5:]) if parts else 1
    missing = [f"{name}.data-{i:05}-of-{count:05}" for i in range(min(count, 1000))]
    missing = [file for file in missing if file not in found]
    if missing:
        about.refuse(f"Missing beside the index: {some(missing, 4)}. Copy all files.")
        return None, None
    stored = sum((folder / file).stat().st_size for file in parts)
    reader = tf.compat.v1.train.NewCheckpointReader(prefix)
    types = reader.get_variable_to_dtype_map()
    values, arrays = {}, []
    for key, shape in sorted(reader.get_variable_to_shape_map().items()):
        values[key] = lambda key=key: reader.get_tensor(key)
        array = Array(key.removesuffix(END), tuple(shape), types[key].name)
        size = array.size * max(1, types[key].size)
        if size > stored and types[key] != tf.string:
            about.refuse(f"{shorten(key, 80)} has the shape {array}, and its values are not "
                         "in the files.")
            return None, None
        if size <= ONE_ARRAY:
            array.values = lambda key=key: [np.asarray(reader.get_tensor(key))]
        if key != "_CHECKPOINTABLE_OBJECT_GRAPH":
            arrays.append(array)
    try:
        for array in arrays:  # reading compares the checksums
            if array.values and not array.dtype.startswith("float"):
                array.values()
        check_values(about, arrays)
    except (tf.errors.OpError, RuntimeError) as error:
        about.refuse(f"Damaged: {shorten(error, 120)} Take another copy.")
    return arrays, values


def _is_state(key):
    return ".OPTIMIZER_SLOT" in key or "optimizer/_variables/" in key


def _add_variables(about, arrays):
    groups = {}
    for array in arrays:
        if not _is_state(array.name) and not re.search(
            r"(^|/)(_?optimizer|save_counter|keras_api|_?iterations?)(/(?!_trainable)|$)",
            array.name,
        ):
            groups.setdefault(array.name.rpartition("/")[0] or array.name, []).append(array)
    rows = [({"name": name, "kind": ""}, inside) for name, inside in groups.items()]
    kc.add_layers(about, rows)


def _steps(values):
    for key, read in values.items():
        if re.search(r"optimizer/(iter|_iterations|iterations)/", key):
            value = read()
            if np.shape(value) == ():
                return int(value)
    return None


def _keras_metadata(path, graph):
    """Return what Keras 2 says about its model, as a dict; None if it is not of Keras 2."""
    text = ""
    if (path / "keras_metadata.pb").is_file():  # since TensorFlow 2.5
        nodes = _parse("saved_metadata_pb2", "SavedMetadata", path / "keras_metadata.pb",
                       "tensorflow.python.keras.protobuf")
        for node in nodes.nodes:
            if node.node_path == "root":
                text = node.metadata
    elif graph.object_graph_def.nodes:
        root = graph.object_graph_def.nodes[0].user_object
        if root.identifier.startswith("_tf_keras_"):
            text = root.metadata
    found = kc.parse(text) if text else None
    return found if isinstance(found, dict) else None


def _say_metadata(about, metadata):
    layers = [kc.layer_row(one) for one in kc.layers_of(metadata)]
    if layers:
        names = [f"{row['name']} ({row['kind']})" for row in layers]
        about.contents.append(f"Layers: {some(names, 6)}.")
    else:
        about.needs.append(
            f"To go on training, code that is not in it: the class "
            f"{shorten(metadata.get('class_name'), 60)}. Build it in Keras 3 and use "
            "keras2.convert(path, model)."
        )
    training = metadata.get("training_config")
    if isinstance(training, dict):
        about.facts["loss"] = kc.name_of(training.get("loss"))
        about.facts["optimizer"] = kc.name_of(training.get("optimizer_config"))
        about.contents.append(f"Loss: {about.facts['loss']}.")


def _say_signatures(about, graph):
    """Say what can be called, and return the (name, input name, example) to show."""
    shown = None
    for name, signature in sorted(graph.signature_def.items()):
        if name.startswith("__"):
            continue
        inputs = [f"{key} {_shape(info.tensor_shape)}" for key, info in signature.inputs.items()]
        outputs = [_shape(info.tensor_shape) for info in signature.outputs.values()]
        about.contents.append(
            f"{shorten(name, 40)}: from {some(inputs, 3) or 'nothing'} to {some(outputs, 3)}."
        )
        if len(signature.inputs) == 1:
            ((key, info),) = signature.inputs.items()
            data = _example(info.tensor_shape, info.dtype)
            if data and (shown is None or name == "serving_default"):
                shown = name, key, data
    return shown


def _saved_model_lines(about, path, signature, keras_3):
    about.code = ["import tensorflow as tf",
                  f"loaded = tf.saved_model.load({quoted(path)})"]
    if not signature:
        about.code.append("print(list(loaded.signatures))")
        return
    name, key, data = signature
    about.code += kc.data_lines([data])
    if keras_3:
        about.code.append("predictions = loaded.serve(x)")
    else:
        about.code += [
            f"predict = loaded.signatures[{_text(name)}]",
            f"predictions = predict(**{{{_text(key)}: tf.constant(x)}})",
        ]


def _check_operations(about, graph):
    operations = [node.op for node in graph.graph_def.node]
    for function in graph.graph_def.library.function:
        operations += [node.op for node in function.node_def]
    _say_operations(about, operations)


def _say_operations(about, operations):
    found = sorted(FILE_OPERATIONS & set(operations))
    about.facts["file_operations"] = found
    if found:
        about.problems.append(
            f"It has operations that read or write files, or run Python: {some(found)}."
        )


def _shape(proto):
    if proto.unknown_rank:
        return "(any shape)"
    return shape_text([None if dim.size < 0 else dim.size for dim in proto.dim])


def _example(proto, dtype):
    """Return (shape as text, dtype) of an example; None if that is not clear."""
    sizes = [dim.size for dim in proto.dim]
    if proto.unknown_rank or TYPES.get(dtype) not in ("float32", "float64", "int32", "int64"):
        return None
    full = [(1 if i == 0 else 32) if size < 0 else size for i, size in enumerate(sizes)]
    if len(full) > 8 or np.prod(full, dtype=float) > 1e7:
        return None
    return shape_text(full), TYPES[dtype]


def _constant(node):
    proto = node.attr["value"].tensor
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    array = Array(node.name, shape, TYPES.get(proto.dtype, "other"))
    kinds = {"float32": "<f4", "float64": "<f8", "float16": "<f2"}
    if array.dtype in kinds and proto.tensor_content:
        array.values = lambda: [np.frombuffer(proto.tensor_content, kinds[array.dtype])]
    return array


def _text(name):
    return f'"{name}"' if name.isprintable() and not set('"\\') & set(name) else repr(name)


def _parse(module, message, path, package="tensorflow.core.protobuf"):
    """Return a protocol buffer of TensorFlow that is read from a file."""
    if path.stat().st_size > GRAPH:
        raise zips.Refused(f"{path.name} is larger than {GRAPH:,} bytes: not read.")
    parsed = getattr(part_of_tensorflow(f"{package}.{module}"), message)()
    parsed.ParseFromString(path.read_bytes())
    return parsed


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
