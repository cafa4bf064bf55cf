"""TensorFlow.js: a `.json` file with the description, and files with the weights' bytes."""

from pathlib import Path

from modelfile import keras_config as kc
from modelfile import zips
from modelfile.arrays import PIECE, Array, check_values
from modelfile.description import quoted, shorten, some
from modelfile.not_models import head
from modelfile.sentences import say

import numpy as np

MOST = 50_000_000  # bytes of JSON
BYTES = {"float32": 4, "float16": 2, "int32": 4, "uint16": 2, "uint8": 1, "bool": 1}
BYTES |= {"complex64": 8}


def tensorflow_js(path, description):
    """A TensorFlow.js model: its `.json` file, one of its weight files, or its folder."""
    file = json_file(path)
    if file is None:
        return False
    if file.stat().st_size > MOST:
        raise zips.RefusedError(
            say("It is a JSON text, and too large for a model: not read.")
        )
    text = file.read_text(encoding="utf-8")
    is_list = text.lstrip().startswith("[") and '"paths"' in text
    if (
        not is_list
        and '"weightsManifest"' not in text
        and '"modelTopology"' not in text
    ):
        return False
    description.path = file.as_posix()
    if text.lstrip().startswith("["):
        return weights_manifest(file, kc.parse(text), description)
    description.is_a("tfjs", say("A model for TensorFlow.js, which runs in a browser."))
    described = kc.parse(text)
    topology = described["modelTopology"]
    say_writer(description, described)
    arrays = []
    for group in described.get("weightsManifest", []):
        arrays += arrays_of(group, file.parent, description)
    if described.get("format") == "graph-model" or "node" in topology:
        description.is_a(
            "tfjs.graph",
            say("A graph model for TensorFlow.js: a computation, no layers."),
        )
        description.needs.append(say("A browser, and there tf.loadGraphModel."))
        description.can.append(
            say("Predict in a browser. In Python, nothing of this project loads it.")
        )
        kc.add_layers(
            description, [({"name": one.name, "kind": ""}, [one]) for one in arrays]
        )
    else:
        description.is_a(
            "tfjs", say("A layers model for TensorFlow.js, which runs in a browser.")
        )
        # The official converter writes it inside of "model_config"; a browser does not.
        say_layers(description, topology.get("model_config", topology), arrays, file)
    description.contents.append(say("No loss, no optimizer."))
    check_values(description, arrays)
    return True


def weights_manifest(file, groups, description):
    """The list of weights that older converters wrote beside a graph or a model."""
    description.is_a(
        "tfjs.weights",
        say(
            "The list of the weights of a TensorFlow.js model. The model is not in it."
        ),
    )
    arrays = []
    for group in groups:
        arrays += arrays_of(group, file.parent, description)
    kc.add_layers(
        description, [({"name": one.name, "kind": ""}, [one]) for one in arrays]
    )
    check_values(description, arrays, infinite=False)
    description.needs.append(say("The model beside it: a model.json, or a .pb file."))
    return True


def json_file(path):
    """Return the JSON file that a path stands for; None if there is none."""
    if path.is_dir():
        path = path / "model.json"
    elif path.suffix == ".bin":
        beside = path.parent / "model.json"
        listed = f'"{path.name}"'.encode()
        if not beside.is_file() or listed not in head(beside, MOST).replace(
            b'"./', b'"'
        ):
            return None
        path = beside
    is_json = path.is_file() and head(path).lstrip().startswith((b"{", b"["))
    return path if is_json else None


def say_writer(description, described):
    writers = [described.get(key) for key in ("generatedBy", "convertedBy")]
    writers = [shorten(writer, 60) for writer in writers if writer]
    description.written_by.append(
        say(
            "{}; it does not say when.",
            some(writers) or say("A program that is not named"),
        )
    )


def say_layers(description, model, arrays, file):
    layers = kc.layers_of(model)
    left = {array.name: array for array in arrays}
    rows = []
    for layer in layers:
        row = kc.layer_row(layer)
        mine = [name for name in left if name.startswith(f"{row['name']}/")]
        rows.append((row, [left.pop(name) for name in mine]))
    kc.add_layers(description, rows)
    if left:
        description.refuse(
            say(
                "Arrays of layers that its description does not have: {}.",
                some(left, 4),
            )
        )
    description.needs.append(
        say("In a browser, tf.loadLayersModel. In Python, modelfile.tfjs.")
    )
    others = sorted({str(layer.get("class_name")) for layer in layers} - {"Dense"})
    description.facts["dense"] = bool(layers) and not others
    if not description.facts["dense"]:
        description.can.append(
            say(
                "Predict in a browser. modelfile.tfjs knows Dense layers, and not {}.",
                some(others, 4),
            )
        )
        return
    description.can.append(say("Predict, in a browser and in Keras."))
    description.can.append(say("Continue training in Keras, with a fresh optimizer."))
    data = kc.data_lines(model)
    description.code = ["from modelfile import tfjs", *data[:1]]
    description.code += [f"model = tfjs.load({quoted(file)})", *data[1:]]
    description.code += ["predictions = model.predict(x)"] if data else []
    description.code += kc.compile_lines(model)


def arrays_of(group, folder, description):
    """Return the arrays of a group of files; those that are cut or missing are a problem."""
    # Only the name counts: a file from others cannot point to another folder.
    files = [
        folder / Path(str(name).replace("\\", "/")).name for name in group["paths"]
    ]
    missing = [file.name for file in files if not file.is_file()]
    arrays, end = [], 0
    for weight in group["weights"]:
        dtype = str(weight["dtype"])
        stored = weight.get("quantization", {}).get("dtype", dtype)
        array = Array(
            str(weight["name"]), tuple(int(n) for n in weight["shape"]), dtype
        )
        if dtype == "string":
            end = end_of_strings(files, missing, end, array.size)
            arrays.append(array)
            continue
        if dtype == stored == "float32" and len(files) == 1 and not missing:
            array.values = pieces(files[0], end, array.size)
        end += array.size * BYTES.get(stored, 0)
        arrays.append(array)
    if missing:
        description.refuse(
            say("Its weights are missing: put {} beside it.", some(missing, 4))
        )
        return arrays
    size = sum(file.stat().st_size for file in files)
    known = all(array.dtype in BYTES or array.dtype == "string" for array in arrays)
    known &= len(files) == 1 or all(array.dtype in BYTES for array in arrays)
    if known and size != end:
        description.refuse(
            say(
                "Its weights should be {} bytes, and {} are there: the file was cut, or is "
                "of another model.",
                f"{end:,}",
                f"{size:,}",
            )
        )
        for array in arrays:
            array.values = None
    return arrays


def end_of_strings(files, missing, start, count):
    """Return where `count` strings end that begin at a byte: each has its length before it."""
    if missing or len(files) != 1:
        return start
    with open(files[0], "rb") as opened:
        for _ in range(count):
            opened.seek(start)
            length = opened.read(4)
            if len(length) < 4:
                break
            start += 4 + int.from_bytes(length, "little")
    return start


def pieces(file, start, count):
    """Return a function that reads `count` float32 numbers, from byte `start` on."""

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
