"""The kinds of files of other programs: ONNX, and the arrays of NumPy."""

import math
import zipfile
from pathlib import Path

from model_files import keras_config as kc
from model_files import zips
from model_files.arrays import PIECE, Array, check_values, shape_text
from model_files.description import quoted, shorten, some
from model_files.not_models import head

import numpy as np

MOST = 500_000_000  # bytes that are read at once
COUNT = 100_000  # arrays


def onnx_file(path, about):
    """An ONNX file. It has no mark of its own: the name says so."""
    if path.suffix != ".onnx":
        return False
    about.is_a("onnx", "A model in the format ONNX, which many programs can run.")
    try:
        import onnx  # noqa: PLC0415  an extra, from requirements-other.txt
    except ImportError:
        about.needs.append(
            "To see what is in it: pip install -r requirements-other.txt"
        )
        return True
    if path.stat().st_size > MOST:
        raise zips.RefusedError(f"It is larger than {MOST:,} bytes: not read.")
    model = onnx.load(path, load_external_data=False)
    if not model.graph.node:
        raise ValueError("it has no operations")
    writer = f"{model.producer_name or 'A program that is not named'} {model.producer_version}"
    writer = shorten(writer.removesuffix("None").strip(), 60)  # tf2onnx has no Git here
    about.written_by.append(f"{writer}; it does not say when.")
    names = [node.op_type for node in model.graph.node]
    about.contents.append(
        f"{len(names):,} operations: {some(dict.fromkeys(names), 8)}."
    )
    arrays = [onnx_array(onnx, tensor) for tensor in model.graph.initializer]
    kc.add_layers(about, [({"name": one.name, "kind": ""}, [one]) for one in arrays])
    check_values(about, arrays)
    outside = {
        entry.value
        for tensor in model.graph.initializer
        for entry in tensor.external_data
        if entry.key == "location"
    }
    missing = [
        name for name in outside if not (path.parent / Path(name).name).is_file()
    ]
    if missing:
        about.refuse(
            f"Its weights are missing: put {some(sorted(missing), 4)} beside it."
        )
    about.needs.append("The package onnxruntime, or another program for ONNX.")
    strange = sorted(
        {o.domain for o in model.opset_import} - {"", "ai.onnx", "ai.onnx.ml"}
    )
    if strange:
        about.needs.append(f"Operations that are not of ONNX: {some(strange, 4)}.")
    about.can += ["Predict.", "Not go on training, and not become a Keras model again."]
    about.code = onnx_lines(path, model)
    return True


def onnx_array(onnx, tensor):
    dtype = onnx.TensorProto.DataType.Name(tensor.data_type).lower()
    dtype = {"float": "float32", "double": "float64"}.get(dtype, dtype)
    array = Array(tensor.name, tuple(tensor.dims), dtype)
    if dtype == "float32" and tensor.raw_data:
        array.values = lambda: [np.frombuffer(tensor.raw_data, "<f4")]
    return array


def onnx_lines(path, model):
    lines = [
        "import onnxruntime",
        f"session = onnxruntime.InferenceSession({quoted(path)})",
    ]
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [one for one in model.graph.input if one.name not in constants]
    if len(inputs) != 1:
        return [*lines, "print([one.name for one in session.get_inputs()])"]
    tensor = inputs[0].type.tensor_type
    dtype = {1: "float32", 6: "int32", 7: "int64", 11: "float64"}.get(tensor.elem_type)
    sizes = [
        dim.dim_value or (32 if n else 1) for n, dim in enumerate(tensor.shape.dim)
    ]
    if dtype is None or not 0 < math.prod(sizes) < 10_000_000:
        return lines
    return [
        *lines,
        *kc.data_lines([(shape_text(sizes), dtype)]),
        "name = session.get_inputs()[0].name",
        "predictions = session.run(None, {name: x})[0]",
    ]


def numpy_arrays(path, about):
    """A `.npz` file: a zip archive of NumPy arrays."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if not names or not all(name.endswith(".npy") for name in names):
        return False
    about.is_a(
        "npz",
        "NumPy arrays in a .npz file: data, or weights. A model, its layers and how they are "
        "connected, is not in it.",
    )
    about.written_by.append("np.savez; the file does not say when.")
    with zips.opened(path) as archive:
        damaged = zips.damaged_part(archive)
        if damaged:
            about.refuse(
                f"Damaged: {damaged} does not have its checksum. Take another copy."
            )
            return True
        arrays = []
        for name in names[:COUNT]:
            with archive.open(name) as member:
                array = numpy_header(
                    name, member, archive.getinfo(name).file_size, about
                )
            array.name = name.removesuffix(".npy")
            if array.dtype.startswith("float"):
                array.values = pieces(archive, name, array)
            arrays.append(array)
        rows = [({"name": one.name, "kind": ""}, [one]) for one in arrays]
        kc.add_layers(about, rows, data=True)
        check_values(about, arrays)
    about.needs.append("Only NumPy; and to predict, the program that builds the model.")
    about.can.append("Give back its arrays.")
    about.code = [
        "import numpy as np",
        f"with np.load({quoted(path)}) as file:",
        "    arrays = {name: file[name] for name in file}",
    ]
    return True


def numpy_array(path, about):
    """A `.npy` file: one array."""
    if not head(path).startswith(b"\x93NUMPY"):
        return False
    about.is_a("npy", "One NumPy array in a .npy file: data, not a model.")
    with open(path, "rb") as file:
        array = numpy_header(path.name, file, path.stat().st_size, about)
    about.written_by.append("np.save; the file does not say when.")
    about.contents.append(f"{array.size:,} values, shape {array}, {array.dtype}.")
    about.can.append("Give back its array.")
    about.code = ["import numpy as np", f"array = np.load({quoted(path)})"]
    return True


def numpy_header(name, file, size, about):
    """Return an Array without its values, from the beginning of a `.npy` file."""
    shape, dtype = read_header(file)
    array = Array(name, shape, str(dtype))
    if dtype.hasobject:
        about.refuse(
            f"{shorten(name, 60)} has Python objects in a pickle, which can be a program. It "
            "was not opened, and np.load refuses it, too."
        )
    elif array.size * dtype.itemsize + file.tell() != size:
        about.refuse(
            f"{shorten(name, 60)} has the shape {array}, and its values are not there."
        )
    return array


def read_header(file):
    """Return (shape, dtype). NumPy reads it as a literal: nothing is run."""
    if np.lib.format.read_magic(file) == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    else:
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    return shape, dtype


def pieces(archive, name, array):
    """Return a function that reads the values of one array of an archive."""

    def values():
        with archive.open(name) as member:
            read_header(member)
            while piece := member.read(PIECE):
                yield np.frombuffer(piece, array.dtype)

    return values
