"""The kinds of files of other programs: LiteRT, TensorFlow.js, ONNX, NumPy."""

import math
import zipfile
from pathlib import Path

from model_files import keras_config as kc
from model_files import zips
from model_files.arrays import PIECE, Array, check_values, shape_text
from model_files.description import quoted, shorten, some
from model_files.not_models import head

import numpy as np

SMALL = 500_000_000  # bytes that are read at once
COUNT = 100_000  # tensors, operations
BYTES = {"float32": 4, "int32": 4, "bool": 1, "float16": 2, "uint8": 1, "uint16": 2,
         "complex64": 8, "string": 0}


def litert(path, about):
    """A LiteRT file (TensorFlow Lite), `.tflite`."""
    if head(path)[4:8] != b"TFL3":
        return False
    about.is_a("litert", "A model for LiteRT (TensorFlow Lite), .tflite: a phone, say.")
    from ai_edge_litert import schema_py_generated as schema  # noqa: PLC0415

    if path.stat().st_size > SMALL:
        raise zips.Refused(f"It is larger than {SMALL:,} bytes: not read.")
    content = path.read_bytes()
    model = schema.Model.GetRootAs(content)
    graph = model.Subgraphs(0)
    if graph is None or max(
        graph.TensorsLength(), model.OperatorCodesLength(), graph.OperatorsLength()
    ) > COUNT:
        raise ValueError("it has no graph")
    by_number = {v: k for k, v in vars(schema.TensorType).items() if not k.startswith("_")}
    operations = {v: k for k, v in vars(schema.BuiltinOperator).items() if not k.startswith("_")}
    codes = [model.OperatorCodes(i) for i in range(model.OperatorCodesLength())]
    custom = sorted(c.CustomCode().decode() for c in codes if c.CustomCode())
    used = []
    for i in range(graph.OperatorsLength()):
        code = codes[graph.Operators(i).OpcodeIndex()]
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        used.append(operations.get(number, str(number)))
    arrays = []
    for i in range(graph.TensorsLength()):
        tensor = graph.Tensors(i)
        buffer = model.Buffers(tensor.Buffer())
        shape = [tensor.Shape(n) for n in range(min(tensor.ShapeLength(), 20))]
        dtype = by_number.get(tensor.Type(), "?").lower()
        array = Array((tensor.Name() or b"").decode("utf-8", "replace"), tuple(shape), dtype)
        if buffer is not None and buffer.DataLength() and dtype in BYTES:
            if array.size * BYTES[dtype] != buffer.DataLength() and BYTES[dtype]:
                about.refuse(f"{shorten(array.name, 60)} has not as many values as its shape.")
                continue
            if dtype == "float32":
                array.values = lambda buffer=buffer: [buffer.DataAsNumpy().view("<f4")]
            arrays.append(array)
        elif buffer is not None and buffer.DataLength():
            arrays.append(array)
    version = _litert_metadata(model, content)
    about.written_by.append(
        f"A converter for LiteRT; it needs a runtime of TensorFlow {version} or newer."
        if version else "A converter for LiteRT; the file does not say more."
    )
    about.contents.append(f"{len(used):,} operations: {some(dict.fromkeys(used), 8)}.")
    kc.add_layers(about, [({"name": one.name, "kind": ""}, [one]) for one in arrays])
    check_values(about, arrays)
    about.can += ["Predict.", "Not go on training, and not become a Keras model again."]
    about.needs.append("The package ai-edge-litert; no TensorFlow.")
    flex = [name for name in custom if name.startswith("Flex")]
    if custom:
        about.refuse(
            f"It has operations that LiteRT does not have: {some(custom, 4)}. "
            + ("Export it without them (lesson 14), or run it with TensorFlow's Select ops."
               if flex else "Its author's own library is needed.")
        )
    _litert_lines(about, path, graph, by_number, model)
    return True


def _litert_metadata(model, content):
    for i in range(min(model.MetadataLength(), 100)):
        entry = model.Metadata(i)
        if entry.Name() == b"min_runtime_version":
            data = model.Buffers(entry.Buffer()).DataAsNumpy()
            return shorten(bytes(data).rstrip(b"\0").decode("ascii", "replace"), 20)
    return None


def _litert_lines(about, path, graph, by_number, model):
    inputs = []
    for i in range(min(graph.InputsLength(), 20)):
        tensor = graph.Tensors(graph.Inputs(i))
        shape = [max(1, tensor.Shape(n)) for n in range(min(tensor.ShapeLength(), 20))]
        inputs.append((shape_text(shape), by_number[tensor.Type()].lower()))
        if math.prod(shape) > 1e7:
            return
    about.contents.append(f"Inputs: {some([' '.join(one) for one in inputs], 4)}.")
    about.code = [
        "from ai_edge_litert.interpreter import Interpreter",
        f'interpreter = Interpreter(model_content=open({quoted(path)}, "rb").read())',
    ]
    if len(inputs) != 1:
        about.code.append("print(interpreter.get_input_details())")
        return
    about.code += kc.data_lines(inputs)
    if model.SignatureDefsLength():
        about.code += [
            "runner = interpreter.get_signature_runner()",
            "(name,) = runner.get_input_details()",
            "predictions = runner(**{name: x})",
        ]
    else:
        about.code += [
            "interpreter.allocate_tensors()",
            'interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)',
            "interpreter.invoke()",
            "output = interpreter.get_output_details()[0]",
            'predictions = interpreter.get_tensor(output["index"])',
        ]


def tensorflow_js(path, about):
    """A TensorFlow.js model: its `.json` file, one of its weight files, or its folder."""
    if path.is_dir():
        path = path / "model.json"
    elif path.suffix == ".bin":
        beside = path.parent / "model.json"
        if not beside.is_file() or path.name not in beside.read_text(
            encoding="utf-8", errors="replace"
        ):
            return False
        path = beside
    if not path.is_file() or not head(path).lstrip().startswith(b"{"):
        return False
    if path.stat().st_size > SMALL // 10:
        raise zips.Refused("It is a JSON text too large for a description of a model.")
    text = path.read_text(encoding="utf-8")
    if '"weightsManifest"' not in text and '"modelTopology"' not in text:
        return False
    about.path = path.as_posix()
    about.is_a("tfjs", "A model for TensorFlow.js, for a browser.")
    described = kc.parse(text)
    topology = described["modelTopology"]
    is_graph = described.get("format") == "graph-model" or "node" in topology
    if is_graph:
        about.is_a("tfjs.graph", "A graph model for TensorFlow.js: a computation for a browser, "
                   "without layers.")
    else:
        about.is_a("tfjs", "A layers model for TensorFlow.js: for a browser.")
    for key in ("generatedBy", "convertedBy"):
        if described.get(key):
            about.written_by.append(f"{key}: {shorten(described[key], 60)}")
    about.written_by = about.written_by or ["The file does not say who wrote it."]
    arrays = _tfjs_arrays(described.get("weightsManifest", []), path.parent, about)
    layers = []
    if not is_graph:
        topology = topology.get("model_config", topology)
        layers = kc.layers_of(topology)
    rows = []
    left = {array.name: array for array in arrays}
    for layer in layers:
        row = kc.layer_row(layer)
        mine = [left.pop(name) for name in list(left) if name.startswith(f"{row['name']}/")]
        rows.append((row, mine))
    rows += [({"name": name, "kind": ""}, [array]) for name, array in left.items()]
    kc.add_layers(about, rows)
    if left and layers:
        about.refuse(f"Arrays of layers that its description has not: {some(left, 4)}.")
    check_values(about, arrays)
    about.facts.update(optimizer_state=False)
    about.contents.append("No loss, no optimizer.")
    about.needs.append("In a browser: TensorFlow.js, "
                       + ("tf.loadGraphModel." if is_graph else "tf.loadLayersModel."))
    dense = bool(layers) and all(layer.get("class_name") == "Dense" for layer in layers)
    if dense:
        about.can += ["Predict, in a browser and in Keras.",
                      "Go on training in Keras, with a fresh optimizer."]
        about.code = ["import tfjs  # of this project",
                      f"model = tfjs.load({quoted(path)})"]
        shapes = kc.input_shapes(topology)
        if shapes:
            about.code += [*kc.data_lines(shapes), "predictions = model.predict(x)"]
        about.facts["dense"] = True
    else:
        about.can.append("Predict in a browser. In Python, nothing here can load it"
                         + ("." if is_graph else ": tfjs.py knows Dense layers only."))
    return True


def _tfjs_arrays(manifest, folder, about):
    arrays = []
    for group in manifest:
        # Only the name counts: a file from others cannot point to another folder.
        files = [folder / Path(name.replace("\\", "/")).name for name in group["paths"]]
        missing = [file.name for file in files if not file.is_file()]
        start = 0
        for weight in group["weights"]:
            dtype = weight["dtype"]
            stored = weight.get("quantization", {}).get("dtype", dtype)
            shape = tuple(int(size) for size in weight["shape"])
            array = Array(str(weight["name"]), shape, str(dtype))
            if dtype == stored == "float32" and len(files) == 1 and not missing:
                array.values = _slice_of(files[0], start, array.size)
            start += array.size * BYTES[stored]
            arrays.append(array)
        if missing:
            about.refuse(f"Its weights are missing: put {some(missing, 4)} beside it.")
        else:
            size = sum(file.stat().st_size for file in files)
            if size != start and not any(w["dtype"] == "string" for w in group["weights"]):
                about.refuse(
                    f"Its weights should be {start:,} bytes in {some(group['paths'], 4)}, and "
                    f"{size:,} are there: cut, or of another model."
                )
                for array in arrays:
                    array.values = None
    return arrays


def _slice_of(file, start, count):
    def values():
        left = count
        with open(file, "rb") as opened:
            opened.seek(start)
            while left > 0:
                piece = np.frombuffer(opened.read(min(left * 4, PIECE)), "<f4")
                if not piece.size:
                    return
                left -= piece.size
                yield piece

    return values


def onnx_file(path, about):
    """An ONNX file. It has no mark of its own: the name says so."""
    if path.suffix != ".onnx" or not path.is_file():
        return False
    about.is_a("onnx", "A model in the format ONNX, which many programs can run.")
    try:
        import onnx  # noqa: PLC0415  an extra, from requirements-other.txt
    except ImportError:
        about.needs.append("To see what is in it: pip install -r requirements-other.txt")
        return True
    if path.stat().st_size > SMALL:
        raise zips.Refused(f"It is larger than {SMALL:,} bytes: not read.")
    model = onnx.load(path, load_external_data=False)
    if not model.graph.node:
        raise ValueError("it has no operations")
    about.is_a("onnx", "A model in the format ONNX, which many programs can run.")
    about.written_by.append(
        f"{shorten(model.producer_name or 'a program that is not named', 40)} "
        f"{shorten(model.producer_version, 30)}; it does not say when.".replace(" ;", ";")
    )
    operations = [node.op_type for node in model.graph.node]
    about.contents.append(
        f"{len(operations):,} operations: {some(dict.fromkeys(operations), 8)}."
    )
    arrays = []
    for tensor in model.graph.initializer:
        kind = onnx.TensorProto.DataType.Name(tensor.data_type).lower()
        kind = {"float": "float32", "double": "float64"}.get(kind, kind)
        array = Array(tensor.name, tuple(tensor.dims), kind)
        if kind == "float32" and tensor.raw_data:
            array.values = lambda tensor=tensor: [np.frombuffer(tensor.raw_data, "<f4")]
        if array.size > 1 or array.dtype.startswith("float"):
            arrays.append(array)
        for entry in tensor.external_data:
            name = entry.value
            if entry.key == "location" and not (path.parent / Path(name).name).is_file():
                about.refuse(f"Values of {shorten(tensor.name, 60)} are in a file that is "
                             f"missing beside it: {shorten(name, 60)}.")
                break
    kc.add_layers(about, [({"name": one.name, "kind": ""}, [one]) for one in arrays])
    check_values(about, arrays)
    domains = sorted({o.domain for o in model.opset_import} - {"", "ai.onnx", "ai.onnx.ml"})
    versions = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
    about.needs.append(f"The package onnxruntime, or another program for ONNX (opset "
                       f"{max(versions, default='?')}).")
    if domains:
        about.needs.append(f"Operations from elsewhere: {some(domains, 4)}.")
    about.can += ["Predict.", "Not go on training, and not become a Keras model again."]
    about.code = ["import onnxruntime",
                  f"session = onnxruntime.InferenceSession({quoted(path)})"]
    own = {tensor.name for tensor in model.graph.initializer}
    inputs = [one for one in model.graph.input if one.name not in own]
    kinds = {1: "float32", 6: "int32", 7: "int64", 11: "float64"}
    if len(inputs) == 1:
        kind = inputs[0].type.tensor_type
        sizes = [dim.dim_value or (1 if i == 0 else 32) for i, dim in enumerate(kind.shape.dim)]
        if kind.elem_type in kinds and 0 < math.prod(sizes) < 1e7:
            about.code += kc.data_lines([(shape_text(sizes), kinds[kind.elem_type])])
            about.code += ["name = session.get_inputs()[0].name",
                           "predictions = session.run(None, {name: x})[0]"]
    return True


def numpy_arrays(path, about):
    """A `.npz` file: a zip archive of NumPy arrays."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if not names or not all(name.endswith(".npy") for name in names):
        return False
    about.is_a("npz", "NumPy arrays in a .npz file: data, or weights. A model, its layers and "
               "how they are connected, is not in it.")
    about.written_by.append("np.savez; the file does not say when.")
    with zips.opened(path) as archive:
        damaged = zips.damaged_part(archive)
        if damaged:
            about.refuse(f"Damaged: {damaged} does not have its checksum. Take another copy.")
            return True
        arrays = []
        for name in names[:COUNT]:
            with archive.open(name) as member:
                arrays.append(_npy_array(name, member, archive.getinfo(name).file_size, about))
            if arrays[-1].values:
                arrays[-1].values = _pieces_of(archive, name, arrays[-1].dtype)
        kc.add_layers(about, [({"name": a.name.removesuffix(".npy"), "kind": ""}, [a])
                              for a in arrays])
        check_values(about, arrays)
    about.needs.append("Only NumPy; and to predict, the program that builds the model.")
    about.can.append("Give back its arrays.")
    about.code = ["import numpy as np", f"with np.load({quoted(path)}) as file:",
                  "    arrays = {name: file[name] for name in file}"]
    return True


def numpy_array(path, about):
    """A `.npy` file: one array."""
    if not head(path).startswith(b"\x93NUMPY"):
        return False
    about.is_a("npy", "One NumPy array in a .npy file, not a model.")
    with open(path, "rb") as file:
        array = _npy_array(path.name, file, path.stat().st_size, about)
    about.written_by.append("np.save; the file does not say when.")
    about.contents.append(f"{array.size:,} values, shape {array}, {array.dtype}.")
    about.can.append("Give back its array.")
    about.code = ["import numpy as np", f"array = np.load({quoted(path)})"]
    return True


def _npy_array(name, file, size, about):
    """Return an array of which only the header is read, which is no Python that is run."""
    version = np.lib.format.read_magic(file)
    read = (np.lib.format.read_array_header_1_0 if version == (1, 0)
            else np.lib.format.read_array_header_2_0)
    shape, _, dtype = read(file)
    array = Array(name, shape, str(dtype))
    if dtype.hasobject:
        about.refuse(f"{shorten(name, 60)} has Python objects in a pickle, which can be a "
                     "program. It was not opened, and np.load refuses it, too.")
    elif array.size * dtype.itemsize + file.tell() != size:
        about.refuse(f"{shorten(name, 60)} has the shape {array}, and its values are not there.")
    elif dtype.kind == "f":
        array.values = True
    return array


def _pieces_of(archive, name, dtype):
    def values():
        with archive.open(name) as member:
            version = np.lib.format.read_magic(member)
            if version == (1, 0):
                np.lib.format.read_array_header_1_0(member)
            else:
                np.lib.format.read_array_header_2_0(member)
            while piece := member.read(PIECE):
                yield np.frombuffer(piece, dtype)

    return values
