"""The kinds of files that Keras writes: .keras, .weights.h5 and .h5."""

import io
import re
import zipfile

from model_files import hdf5, older, zips
from model_files import keras_config as kc
from model_files.arrays import check_values
from model_files.description import quoted, shorten, some

import h5py

TEXT = 64_000_000  # bytes of a configuration
IN_MEMORY = 500_000_000  # bytes of the weights in a .keras file
STATE_BY_HAND = """\
model.compile_from_config(model.get_compile_config())  # with a place for the state
with h5py.File({path}) as file:
    group = file["optimizer_weights"]
    values = [group[name][()] for name in group.attrs["weight_names"]]
for variable, value in zip(model.optimizer.variables, values, strict=True):
    variable.assign(value)"""


def keras_file(path, about):
    """A `.keras` file: a zip archive with config.json, metadata.json, model.weights.h5."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        if "config.json" not in archive.namelist():
            return False
    about.is_a("keras", "A whole model in the format of Keras, .keras.")
    with zips.opened(path) as archive:
        damaged = zips.damaged_part(archive)
        if damaged:
            about.refuse(
                f"Damaged: {damaged} does not have its checksum. Take another copy. (Keras "
                "does not always notice it.)"
            )
        names = archive.namelist()
        config = kc.parse(zips.read(archive, "config.json", TEXT))
        if not isinstance(config, dict):
            raise ValueError("config.json describes no model")
        version = None
        if "metadata.json" in names:
            metadata = kc.parse(zips.read(archive, "metadata.json", TEXT))
            version = str(metadata.get("keras_version"))
            date = str(metadata.get("date_saved")).replace("@", " at ")
            about.written_by.append(f"Keras {shorten(version, 20)}, on {shorten(date, 30)}")
            about.facts.update(keras_version=version, date_saved=date)
        steps, states, rows = None, 0, [(kc.layer_row(one), []) for one in kc.layers_of(config)]
        if "model.weights.h5" not in names:
            about.refuse("It has no weights: model.weights.h5 is missing in it.")
        elif archive.getinfo("model.weights.h5").file_size > IN_MEMORY:
            about.problems.append(f"Its weights take more than {IN_MEMORY:,} bytes: not read.")
        elif not damaged:
            content = io.BytesIO(archive.read("model.weights.h5"))
            with h5py.File(content) as file:
                arrays = hdf5.arrays_in(file, about)
                rows = _rows_of_weights(file, arrays, config, about)
                steps, states = _optimizer_in_weights(file, arrays)
                check_values(about, list(arrays.values()))
        if {"training.json", "training.npz"} <= set(names):
            about.contents.append(
                "Written by checkpoint.py: with what it needs to resume the training exactly."
            )
    kc.add_layers(about, rows)
    training = config.get("compile_config")
    kc.add_training(about, training if isinstance(training, dict) else None, steps, states)
    own = kc.add_needs(about, config)
    _say_versions(about, config, version)
    _say_what_whole_models_can(about, config, training, path, own, steps, states)
    return True


def _say_versions(about, config, version):
    if str(version).startswith("2."):
        about.facts["needs_keras"] = 0
        return
    oldest = older.needs_version(config)
    about.facts["needs_keras"] = oldest
    if oldest:
        about.needs.append(
            f"Keras 3.{oldest} or newer. Keras 3.{oldest - 1}, older ones and Keras 2 "
            "refuse the file as it is: see --for."
        )
    else:
        about.needs.append("Any Keras 3. Keras 2 refuses the file.")


def _say_what_whole_models_can(about, config, training, path, own, steps, states):
    unsafe = about.facts.get("code_in_file")
    about.can.append("Predict." if not unsafe else "Predict, if you trust it.")
    compiled = isinstance(training, dict)
    if compiled and (states or steps):
        random = kc.random_layers(config)
        if random:
            about.can.append(
                "Go on training with its optimizer's state, but not to the last bit: the "
                f"random numbers of {some(random, 4)} are not in the file (lesson 9)."
            )
        else:
            about.can.append(
                "Go on training as if never interrupted, if the data come in the same order."
            )
    elif compiled:
        about.can.append("Go on training, with a fresh optimizer.")
    else:
        about.can.append("Go on training, after model.compile(...).")
    lines, custom = kc.own_lines(own)
    shapes = kc.input_shapes(config)
    mode = ", safe_mode=False" if unsafe else ""
    about.code = ["import keras", *kc.data_lines(shapes)[:1], *lines]
    about.code.append(f"model = keras.models.load_model({quoted(path)}{custom}{mode})")
    _predict(about, shapes)


def _predict(about, shapes):
    if shapes:
        about.code += [*kc.data_lines(shapes)[1:], "predictions = model.predict(x)"]


def _rows_of_weights(file, arrays, config, about):
    """Return a row for each layer, with its arrays, of weights that Keras 3 has saved.

    The file does not use the names of layers: they are counted, class by class.
    """
    layers = kc.layers_of(config)
    rows, used = [], {}
    left = {name for name in arrays if not name.startswith("optimizer/")}
    if not layers:
        return _rows_by_group(file, arrays)
    for layer in layers:
        snake = _snake_case(str(layer.get("class_name")).rpartition(">")[2])
        number = used[snake] = used.get(snake, -1) + 1
        group = f"layers/{snake}_{number}/" if number else f"layers/{snake}/"
        mine = [name for name in arrays if name.startswith(group)]
        left -= set(mine)
        rows.append((kc.layer_row(layer), [arrays[name] for name in mine]))
    # Attributes of a functional model of one's own class, metrics and the like.
    strangers = sorted(name for name in left if name.startswith("layers/"))
    if strangers:
        about.refuse(
            f"Arrays of layers that its configuration does not have: {some(strangers, 4)}."
        )
    if layers and not any(array for _, array in rows) and arrays and not left:
        about.problems.append("No layer of the configuration has weights in the file.")
    return rows


def _snake_case(name):
    """Return a class name as Keras 3 writes it in weights (keras/src/utils/naming.py)."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _rows_by_group(file, arrays):
    """Return a row for each group of arrays, but for those of the optimizer."""
    groups = {}
    for name, array in arrays.items():
        if not name.startswith(("optimizer/", "metrics/", "loss/", "_metrics")):
            groups.setdefault(name.rpartition("/")[0], []).append(array)
    rows = []
    for group, inside in sorted(groups.items()):
        kind = hdf5.text(file[group], "name") if group else None
        path = group.removesuffix("/vars") or "(the model itself)"
        rows.append(({"name": path, "kind": kind or ""}, inside))
    return rows


def _optimizer_in_weights(file, arrays):
    """Return the optimizer's counter (or None), and how many arrays of state it has."""
    names = [name for name in arrays if name.startswith("optimizer/vars/")]
    counter = arrays.get("optimizer/vars/0")
    steps = None
    if counter is not None and counter.shape == () and counter.dtype.startswith(("int", "uint")):
        steps = int(file["optimizer/vars/0"][()])
    return steps, max(0, len(names) - 2)


def _weights_of_keras_3(path):
    with h5py.File(path) as file:
        groups = {"layers", "vars", "optimizer", "_layer_checkpoint_dependencies"}
        inner = [name for name in list(file)[:1000] if isinstance(file.get(name), h5py.Group)]
        if "model_config" in file.attrs or "layer_names" in file.attrs:
            return False
        return bool(groups & set(file)) or any("vars" in file[name] for name in inner)


def weights_file(path, about):
    """A `.weights.h5` file of Keras 3."""
    if not _is_hdf5(path) or not _weights_of_keras_3(path):
        return False
    about.is_a(
        "weights.h5", "The weights of a model, in a .weights.h5 file of Keras 3. The model "
        "itself, its layers and how they are connected, is not in it."
    )
    with h5py.File(path) as file:
        arrays = hdf5.arrays_in(file, about)
        rows = _rows_by_group(file, arrays)
        steps, states = _optimizer_in_weights(file, arrays)
        kc.add_layers(about, rows)
        about.facts.update(steps=steps, optimizer_state=bool(states or steps))
        if "optimizer" in file:
            name = hdf5.text(file["optimizer/vars"], "name") if "optimizer/vars" in file else ""
            name = re.sub(r"_\d+$", "", name or "its name is not in the file")
            kc.say_state(about, name, steps, states > 0)
        else:
            about.contents.append("No optimizer's state.")
        check_values(about, list(arrays.values()))
    about.written_by.append("Keras 3; the file does not say which version, nor when.")
    about.needs.append("Your program, to build the same model. Any Keras 3 reads it.")
    about.facts["checksums"] = False
    _say_what_weights_can(about, path, steps is not None)
    return True


def _say_what_weights_can(about, path, has_optimizer):
    about.can.append("Predict, in a model that your program builds.")
    about.code = [
        "import keras",
        f"from {kc.OWN_CODE} import build_model  # your own: it builds and compiles the model",
        "model = build_model()",
    ]
    if has_optimizer:
        about.can.append(
            "Go on training as if never interrupted, if its optimizer is built before the "
            "weights are loaded (the line with optimizer.build)."
        )
        about.code.append("model.optimizer.build(model.trainable_variables)")
    else:
        about.can.append("Go on training, with a fresh optimizer.")
    about.code.append(f"model.load_weights({quoted(path)})")
    about.code.append("model.summary()")


def sharded_weights(path, about):
    """A `.weights.json` file: it lists files with parts of the weights."""
    if not path.name.endswith(".weights.json"):
        return False
    about.is_a("weights.json", "The list of several files that have the weights of one model.")
    config = kc.parse(_text(path))
    files = sorted({name for names in config["weight_map"].values() for name in names})
    about.written_by.append("Keras 3; the file does not say which version, nor when.")
    about.contents.append(f"{len(files)} files: {some(files)}.")
    missing = [n for n in files if "/" in n or "\\" in n or not (path.parent / n).is_file()]
    if missing:
        about.refuse(f"Not beside it: {some(missing)}. All files belong together.")
    about.needs.append("Your program, to build the same model; all files in one folder.")
    optimizer = "/optimizer/vars" in config["weight_map"]
    _say_what_weights_can(about, path, optimizer)
    return True


def h5_model(path, about):
    """A whole model in an `.h5` file, of Keras 2 or 3."""
    if not _is_hdf5(path):
        return False
    with h5py.File(path) as file:
        if "model_config" not in file.attrs:
            return False
        version = _keras_version(file)
        old = version.startswith(("1.", "2."))
        about.is_a("keras2.h5" if old else "h5", "A whole model in an HDF5 file, .h5"
                   + (", of Keras 2." if old else "."))
        _say_h5_writer(about, file, version)
        config = kc.parse(hdf5.text(file, "model_config"))
        training = hdf5.text(file, "training_config")
        training = kc.parse(training) if training else None
        arrays = hdf5.arrays_in(file, about)
        weights = file["model_weights"] if "model_weights" in file else file
        prefix = "model_weights/" if "model_weights" in file else ""
        _add_h5_layers(about, weights, prefix, arrays, kc.layers_of(config))
        steps, states = _optimizer_in_h5(file, arrays)
        kc.add_training(about, training, steps, states)
        check_values(about, list(arrays.values()))
    about.facts["checksums"] = False
    own = kc.add_needs(about, {"model": config, "training": training})
    shapes = kc.input_shapes(config)
    lines, custom = kc.own_lines(own)
    unsafe = ", safe_mode=False" if about.facts.get("code_in_file") else ""
    load = f"model = keras.models.load_model({quoted(path)}{custom}{unsafe}"
    about.code = ["import keras", *kc.data_lines(shapes)[:1], *lines]
    if old:
        about.can.append("Predict: the lines below.")
        if training:
            about.can.append(
                "Go on training where it stopped, after it is converted: see --convert."
                if steps else "Go on training, with a fresh optimizer."
            )
        about.needs.append("compile=False: Keras 3 does not understand its loss.")
        about.code.append(f"{load}, compile=False)")
    elif training and states:
        about.can.append("Predict.")
        about.can.append(
            "Go on training as if never interrupted, with its optimizer's state given by "
            "hand, as the lines below do; or convert it: see --convert."
        )
        about.code.insert(1, "import h5py")
        about.code += [f"{load})", *STATE_BY_HAND.format(path=quoted(path)).splitlines()]
    else:
        about.can += ["Predict.", "Go on training, with a fresh optimizer."]
        about.code.append(f"{load})")
    _predict(about, shapes)
    return True


def h5_weights(path, about):
    """Weights alone in an `.h5` file of Keras 2."""
    if not _is_hdf5(path):
        return False
    with h5py.File(path) as file:
        if "layer_names" not in file.attrs:
            return False
        version = _keras_version(file)
        about.is_a(
            "keras2.weights", "The weights of a model in an HDF5 file, .h5, of Keras 2. The "
            "model itself is not in it."
        )
        _say_h5_writer(about, file, version)
        arrays = hdf5.arrays_in(file, about)
        _add_h5_layers(about, file, "", arrays, [])
        about.contents.append("No optimizer's state.")
        check_values(about, list(arrays.values()))
    about.facts["checksums"] = False
    about.needs.append(
        "Your program, to build the model with the same layers in the same order."
    )
    about.can += ["Predict, in that model.", "Go on training, with a fresh optimizer."]
    about.code = [
        f"from {kc.OWN_CODE} import build_model  # your own: it builds and compiles the model",
        "model = build_model()",
        f"model.load_weights({quoted(path)})",
        "model.summary()",
    ]
    return True


def other_hdf5(path, about):
    """An HDF5 file of something else."""
    if not _is_hdf5(path):
        return False
    about.is_a("hdf5", "An HDF5 file.")
    with h5py.File(path) as file:
        names = list(file)[:1000]
    about.refuse(
        "It has no model of Keras and no weights. "
        f"At its top it has: {some(names, 6) or 'nothing'}."
    )
    return True


def _is_hdf5(path):
    with open(path, "rb") as file:
        return file.read(8) == b"\x89HDF\r\n\x1a\n"


def _text(path):
    if path.stat().st_size > TEXT:
        raise zips.Refused(f"It is larger than {TEXT:,} bytes, too large for such a file.")
    return path.read_text(encoding="utf-8")


def _keras_version(file):
    found = hdf5.text(file, "keras_version")
    if found is None and "model_weights" in file:
        found = hdf5.text(file["model_weights"], "keras_version")
    return found or "2.?"  # Keras 1 and early Keras 2 did not write it


def _say_h5_writer(about, file, version):
    group = file["model_weights"] if "model_weights" in file else file
    backend = hdf5.text(file, "backend") or hdf5.text(group, "backend") or "?"
    about.facts.update(keras_version=version, backend=backend)
    about.written_by.append(
        f"Keras {shorten(version, 20)} on {shorten(backend, 20)}; it does not say when."
    )


def _add_h5_layers(about, group, prefix, arrays, layers):
    """Fill the table from an `.h5` file, where groups have the names of layers."""
    saved = hdf5.texts(group, "layer_names")
    rows = {row["name"]: (row, []) for row in map(kc.layer_row, layers)}
    for name in saved:
        if name not in rows:
            rows[name] = ({"name": name, "kind": ""}, [])
            if layers and hdf5.texts(group[name], "weight_names"):
                about.refuse(f"Arrays of a layer that its configuration has not: {name}.")
        for weight in hdf5.texts(group[name], "weight_names"):
            array = arrays.get(f"{prefix}{name}/{weight}")
            if array is None:
                about.refuse(f"The array {shorten(weight, 80)} is missing.")
            else:
                rows[name][1].append(array)
    kc.add_layers(about, list(rows.values()))


def _optimizer_in_h5(file, arrays):
    """Return the optimizer's counter (or None), and how many arrays of state it has."""
    steps, states = None, 0
    for name in arrays:
        if not name.startswith("optimizer_weights/"):
            continue
        last = name.rpartition("/")[2].partition(":")[0]
        if last in ("iter", "iteration", "iterations"):
            steps = int(file[name][()])
        elif last != "learning_rate":
            states += 1
    return steps, states
