"""The kinds of files of other programs: ONNX, and the arrays of NumPy."""

import zipfile
from pathlib import Path

from modelfile import keras_config as kc
from modelfile import zips
from modelfile.arrays import PIECE, Array, check_values
from modelfile.description import quoted, shorten, some
from modelfile.not_models import head
from modelfile.sentences import say

import numpy as np

MOST = 200_000_000  # bytes that are read at once, and are in memory three times
COUNT = 100_000  # arrays
ONNX_TYPES = {1: "float32", 10: "float16", 11: "float64", 8: "string", 9: "bool"}
ONNX_TYPES |= {3: "int8", 5: "int16", 6: "int32", 7: "int64"}
ONNX_TYPES |= {2: "uint8", 4: "uint16", 12: "uint32", 13: "uint64"}


def onnx_file(path, description):
    """An ONNX file. It has no mark of its own: the name says so."""
    if path.suffix != ".onnx":
        return False
    description.is_a(
        "onnx", say("A model in the format ONNX, which many programs can run.")
    )
    try:
        import onnx  # noqa: PLC0415  an extra, from requirements-other.txt
    except ImportError:
        description.needs.append(
            say("To see what is in it: pip install -r requirements-other.txt")
        )
        return True
    if path.stat().st_size > MOST:
        description.problems.append(
            say("Not looked at: it is larger than {} bytes.", f"{MOST:,}")
        )
        description.code = onnx_start(path)
        return True
    model = onnx.load(path, load_external_data=False)
    if not model.graph.node:
        raise ValueError(say("it has no operations"))
    writer = f"{model.producer_name} {model.producer_version}"
    writer = shorten(writer.removesuffix("None").strip(), 60)  # tf2onnx has no Git here
    writer = writer or say("A program that is not named")
    description.written_by.append(say("{}; it does not say when.", writer))
    names = [node.op_type for node in model.graph.node]
    description.contents.append(
        say("{} operations: {}.", f"{len(names):,}", some(dict.fromkeys(names), 8))
    )
    arrays = [onnx_array(onnx, t, path, description) for t in model.graph.initializer]
    kc.add_layers(
        description, [({"name": one.name, "kind": ""}, [one]) for one in arrays]
    )
    check_values(description, arrays, infinite=False)
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
        description.refuse(
            say("Its weights are missing: put {} beside it.", some(sorted(missing), 4))
        )
    description.needs.append(
        say("The package onnxruntime, or another program for ONNX.")
    )
    strange = sorted(
        {o.domain for o in model.opset_import} - {"", "ai.onnx", "ai.onnx.ml"}
    )
    if strange:
        description.needs.append(
            say("Operations that are not of ONNX: {}.", some(strange, 4))
        )
    description.can += [
        say("Predict."),
        say("Not continue training, and not become a Keras model again."),
    ]
    description.code = onnx_lines(path, model)
    return True


def onnx_array(onnx, tensor, path, description):
    dtype = onnx.TensorProto.DataType.Name(tensor.data_type).lower()
    dtype = {"float": "float32", "double": "float64"}.get(dtype, dtype)
    array = Array(tensor.name, tuple(tensor.dims), dtype)
    if tensor.external_data:
        array.values = onnx_outside(tensor, array, path, description)
    elif dtype == "float32" and tensor.raw_data:
        array.values = lambda: [np.frombuffer(tensor.raw_data, "<f4")]
    return array


def onnx_outside(tensor, array, path, description):
    """Return what reads values that are in another file; None if they are not there."""
    where = {entry.key: entry.value for entry in tensor.external_data}
    file = path.parent / Path(where.get("location", "")).name
    start, length = int(where.get("offset", 0)), int(where.get("length", 0))
    wanted = length or array.size * {"float32": 4, "float64": 8, "int64": 8}.get(
        array.dtype, 0
    )
    if not file.is_file():
        return None
    if file.stat().st_size < start + wanted:
        description.refuse(
            say(
                "Its weights are cut: {} has {} bytes, and {} ends at {}.",
                shorten(file.name, 60),
                f"{file.stat().st_size:,}",
                shorten(array.name, 60),
                f"{start + wanted:,}",
            )
        )
        return None
    if array.dtype != "float32":
        return None

    def values():
        with open(file, "rb") as opened:
            opened.seek(start)
            left = array.size * 4
            while left > 0 and (piece := opened.read(min(left, PIECE))):
                left -= len(piece)
                yield np.frombuffer(piece, "<f4")

    return values


def onnx_start(path):
    return [
        "import onnxruntime",
        f"session = onnxruntime.InferenceSession({quoted(path)})",
    ]


def onnx_lines(path, model):
    lines = onnx_start(path)
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [one for one in model.graph.input if one.name not in constants]
    names = {}
    data = kc.named_data_lines([onnx_input(one, names) for one in inputs])
    if not data:
        return [*lines, "print([one.name for one in session.get_inputs()])"]
    return [*data[:1], *lines, *data[1:], "predictions = session.run(None, data)"]


def onnx_input(one, names):
    """Return (name, shape as text or None, dtype) of an input.

    Args:
        one: the input.
        names: dict from names of open sizes to ints: inputs share them. It is added to.
    """
    tensor = one.type.tensor_type  # an empty one, if it is a sequence of tensors
    if not tensor.HasField("shape"):
        return one.name, None, "?"
    dims = tensor.shape.dim
    sizes = [dim.dim_value or names.get(dim.dim_param) for dim in dims]
    for place, (dim, size) in enumerate(zip(dims, sizes, strict=True)):
        if dim.dim_param and size is None:
            names[dim.dim_param] = kc.open_size(place, len(dims))
    dtype = ONNX_TYPES.get(tensor.elem_type, "?")
    return one.name, kc.example_shape(sizes), dtype


SAFE_TYPES = {
    "F64": ("<f8", 8),
    "F32": ("<f4", 4),
    "F16": ("<f2", 2),
    "BF16": (None, 2),
}
SAFE_TYPES |= {"I64": (None, 8), "I32": (None, 4), "I16": (None, 2), "I8": (None, 1)}
SAFE_TYPES |= {"U8": (None, 1), "BOOL": (None, 1), "U16": (None, 2), "U32": (None, 4)}
SAFE_NAMES = {"F": "float", "BF": "bfloat", "I": "int", "U": "uint"}


def safetensors(path, description):
    """A `.safetensors` file: a length, a JSON text, and the bytes of the arrays."""
    start = head(path)
    length = int.from_bytes(start[:8], "little")
    if start[8:9] != b"{" or not 2 <= length <= 100_000_000:
        return False
    description.is_a(
        "safetensors",
        say(
            "Arrays in a .safetensors file: the weights of a model. The model, its layers and "
            "how they are connected, is not in it."
        ),
    )
    size = path.stat().st_size
    if size < 8 + length:
        description.refuse(
            say("It was cut: its end is missing. Copy or download it again.")
        )
        return True
    with open(path, "rb") as file:
        header = kc.parse(file.read(8 + length)[8:])
    made = header.pop("__metadata__", {}).get("format", "")
    made = {"pt": "PyTorch", "tf": "TensorFlow", "np": "NumPy"}.get(made, made)
    if made:
        description.written_by.append(
            say("{}; it does not say when.", shorten(made, 40))
        )
    arrays = [safe_array(path, name, one, length) for name, one in header.items()]
    ends = [int(one["data_offsets"][1]) for one in header.values()]
    wanted = 8 + length + max(ends, default=0)
    if size != wanted:
        description.refuse(
            say(
                "Its arrays should end at {} bytes, and {} are there: the file was cut, or is "
                "not complete.",
                f"{wanted:,}",
                f"{size:,}",
            )
        )
    kc.add_layers(
        description, [({"name": one.name, "kind": ""}, [one]) for one in arrays]
    )
    if description.usable:
        check_values(description, arrays, infinite=False)
    description.needs.append(
        say(
            "The package safetensors (pip install), and a program that builds the model."
        )
    )
    description.can.append(say("Give back its arrays."))
    description.code = [
        "from safetensors.numpy import load_file",
        f"arrays = load_file({quoted(path)})",
    ]
    return True


def safe_array(path, name, one, length):
    """Return an Array; ValueError if its bytes are not as many as its shape says."""
    stored, width = SAFE_TYPES.get(one["dtype"], (None, 0))
    kind = one["dtype"].rstrip("0123456789")
    dtype = one["dtype"].replace(kind, SAFE_NAMES.get(kind, kind.lower()))
    array = Array(str(name), tuple(int(n) for n in one["shape"]), dtype)
    start, end = (int(n) for n in one["data_offsets"])
    if width and array.size * width != end - start:
        raise ValueError(say("{} has the shape {}, and no values", name, array))

    def values():
        with open(path, "rb") as file:
            file.seek(8 + length + start)
            left = end - start
            while left > 0 and (piece := file.read(min(left, PIECE))):
                left -= len(piece)
                yield np.frombuffer(piece, stored)

    array.values = values if stored else None
    return array


def numpy_arrays(path, description):
    """A `.npz` file: a zip archive of NumPy arrays."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if not names or not all(name.endswith(".npy") for name in names):
        return False
    description.is_a(
        "npz",
        say(
            "NumPy arrays in a .npz file: data, or weights. A model, its layers and how "
            "they are connected, is not in it."
        ),
    )
    description.written_by.append(say("np.savez; the file does not say when."))
    with zips.opened(path) as archive:
        damaged = zips.damaged_part(archive)
        if damaged:
            description.refuse(
                say(
                    "Damaged: {} does not have its checksum. Take another copy.",
                    damaged,
                )
            )
            return True
        arrays = []
        for name in names[:COUNT]:
            with archive.open(name) as member:
                array = numpy_header(
                    name, member, archive.getinfo(name).file_size, description
                )
            array.name = name.removesuffix(".npy")
            if array.dtype.startswith("float"):
                array.values = pieces(archive, name, array)
            arrays.append(array)
        rows = [({"name": one.name, "kind": ""}, [one]) for one in arrays]
        kc.add_layers(description, rows, data=True)
        check_values(description, arrays)
    description.needs.append(
        say("Only NumPy; and to predict, the program that builds the model.")
    )
    description.can.append(say("Give back its arrays."))
    description.code = [
        "import numpy as np",
        f"with np.load({quoted(path)}) as file:",
        "    arrays = {name: file[name] for name in file}",
    ]
    return True


def numpy_array(path, description):
    """A `.npy` file: one array."""
    if not head(path).startswith(b"\x93NUMPY"):
        return False
    description.is_a("npy", say("One NumPy array in a .npy file: data, not a model."))
    with open(path, "rb") as file:
        array = numpy_header(path.name, file, path.stat().st_size, description)
    description.written_by.append(say("np.save; the file does not say when."))
    description.contents.append(
        say("{} values, shape {}, {}.", f"{array.size:,}", array, array.dtype)
    )
    description.can.append(say("Give back its array."))
    description.code = ["import numpy as np", f"array = np.load({quoted(path)})"]
    return True


def numpy_header(name, file, size, description):
    """Return an Array without its values, from the beginning of a `.npy` file."""
    shape, dtype = read_header(file)
    array = Array(name, shape, str(dtype))
    if dtype.hasobject:
        description.refuse(
            say(
                "{} has Python objects in a pickle, which can be a program. It was not "
                "opened, and np.load refuses it, too.",
                shorten(name, 60),
            )
        )
    elif array.size * dtype.itemsize + file.tell() != size:
        description.refuse(
            say(
                "{} has the shape {}, and its values are not there.",
                shorten(name, 60),
                array,
            )
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
