"""The kinds of files that Keras 3 writes: .keras, .weights.h5, .weights.json."""

import io
import json
import re
import zipfile

from modelfile import hdf5, older, zips
from modelfile import keras_config as kc
from modelfile.arrays import check_values
from modelfile.description import shorten, some
from modelfile.sentences import say

import h5py

TEXT = 64_000_000  # bytes of a configuration
IN_MEMORY = 500_000_000  # bytes of the weights in a .keras file


def keras_file(path, description):
    """A `.keras` file: a zip archive with config.json, metadata.json, model.weights.h5."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        if "config.json" not in archive.namelist():
            return False
    description.is_a("keras", say("A whole model in the format of Keras, .keras."))
    with zips.opened(path) as archive:
        config = read_parts(archive, description)
    path = description.renamed(path, ".keras")
    if description.facts.get("keras_version", "").startswith("2."):
        say_what_keras_2_files_can(description, path, config)
    else:
        say_use(description, path, config)
    return True


def say_use(description, path, config):
    """Say what a whole model of Keras 3 needs, and what it can."""
    own = kc.add_needs(description, config)
    cautions = kc.cautions(config)
    description.needs += cautions
    older.say_versions(description, config)
    say_what_models_can(description, config, cautions)
    more = ", safe_mode=False" if description.facts.get("code_in_file") else ""
    old = description.facts["old_settings"]
    settings = f"--for 3.{older.newest()} --convert NEW.keras"
    if any("variables" in text for text in old):
        more += ", compile=False"
        settings += " --no-training"
    is_refused = any("variables" not in text for text in old)
    loaded = path.with_name("NEW.keras") if is_refused else path
    description.code = kc.load_lines(loaded, own, config, more)
    if is_refused:
        description.code.insert(0, say("# This command again, with {}", settings))
    if "loss" not in description.facts:
        description.code += kc.compile_lines(config)
    if '"mixed_float16"' in json.dumps(config):
        description.needs.append(
            say("The policy mixed_float16, or its optimizer's state is skipped.")
        )
        place = description.code.index("import keras") + 1
        description.code.insert(place, 'keras.config.set_dtype_policy("mixed_float16")')


def read_parts(archive, description):
    """Say what is in the parts of a `.keras` file, and return its configuration."""
    damaged = zips.damaged_part(archive)
    if damaged:
        description.refuse(
            say(
                "Damaged: {} does not have its checksum. Take another copy. (Keras does not "
                "always notice it.)",
                damaged,
            )
        )
    names = archive.namelist()
    if "training.json" in names:
        description.facts["resumable"] = True
        description.contents.append(
            say("Written by resumable.py, to resume the training exactly.")
        )
    if "metadata.json" in names:
        say_writer(description, kc.parse(zips.read(archive, "metadata.json", TEXT)))
    config = kc.parse(zips.read(archive, "config.json", TEXT))
    training = config.get("compile_config")
    if damaged or not has_readable_weights(archive, description):
        kc.name_layers(description, config)
        optimizer = kc.say_compiled(description, training)
        description.contents += [say("Optimizer: {}.", optimizer)] if optimizer else []
        description.facts["optimizer_state"] = None
        return config
    with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
        say_weights(description, file, config)
    return config


def say_weights(description, file, config):
    """Say what is in the weights of a whole model, and how it was compiled."""
    arrays = hdf5.arrays_in(file, description)
    kc.add_layers(description, rows_of_weights(file, arrays, config, description))
    training = config.get("compile_config")
    kc.add_training(description, training, *optimizer_in_weights(file, arrays))
    check_values(description, list(arrays.values()))


def say_writer(description, metadata):
    version = str(metadata.get("keras_version"))
    day, _, time = str(metadata.get("date_saved")).partition("@")
    description.written_by.append(
        say(
            "Keras {}, on {} at {}.",
            shorten(version, 20),
            shorten(day, 20),
            shorten(time, 20) or "?",
        )
    )
    description.facts.update(keras_version=version, date_saved=f"{day} at {time}")


def has_readable_weights(archive, description):
    """Return whether the weights are there and can be read at once; if not, say so."""
    if "model.weights.h5" not in archive.namelist():
        description.refuse(say("It has no weights: model.weights.h5 is missing in it."))
        return False
    if archive.getinfo("model.weights.h5").file_size > IN_MEMORY:
        description.problems.append(
            say(
                "Not looked at: its weights, which take more than {} bytes.",
                f"{IN_MEMORY:,}",
            )
        )
        return False
    return True


def say_what_keras_2_files_can(description, path, config):
    description.is_a("keras2.keras", say("A whole model in a .keras file of Keras 2."))
    kc.say_keras_2(description, path, config)


def say_what_models_can(description, config, cautions):
    unsafe = description.facts.get("code_in_file")
    description.can.append(
        say("Predict, if you trust it.") if unsafe else say("Predict.")
    )
    random = kc.random_layers(config)
    if kc.quantized(config):
        description.can.append(
            say(
                "Continue training of biases and of other layers only: what is quantized ({}) "
                "stays as it is. The optimizer's state is skipped.",
                kc.quantized(config),
            )
        )
        return
    if description.facts.get("resumable"):
        description.can.append(
            say(
                "Continue training to the last bit, by resumable.fit in the program that wrote "
                "it."
            )
        )
    elif "optimizer" not in description.facts and description.facts["optimizer_state"]:
        description.can.append(
            say(
                "Continue training: model.compile(...) with the optimizer that it had, then "
                "model.optimizer.build(model.trainable_variables) and "
                "model.load_weights(...) of this file."
            )
        )
    elif "optimizer" not in description.facts or any(
        "variables" in text for text in description.facts["old_settings"]
    ):
        description.can.append(say("Continue training, after model.compile(...)."))
    elif not description.facts["optimizer_state"]:
        description.can.append(say("Continue training, with a fresh optimizer."))
    elif random:
        description.can.append(
            say(
                "Continue training with its optimizer's state, but not to the last bit: the "
                "random numbers of {} are not in the file (lesson 9).",
                some(random, 4),
            )
        )
    elif cautions:
        description.can.append(
            say("Continue training with its optimizer's state; see what it needs.")
        )
    else:
        description.can.append(
            say(
                "Continue training as if never interrupted, to the last bit, if the data come "
                "in the same order. (Not in the file: what a program set on a layer or an "
                "optimizer after it was made, a regularizer or exclude_from_weight_decay say.)"
            )
        )


def what_weights(version):
    return say(
        "The weights of a model, in a .weights.h5 file of Keras {}. The model itself, its "
        "layers and how they are connected, is not in it.",
        version,
    )


def weights_file(path, description):
    """A `.weights.h5` file of Keras 3."""
    if not hdf5.is_hdf5(path):
        return False
    description.is_a("hdf5", say("An HDF5 file, as .h5 and .weights.h5 are."))
    with h5py.File(path) as file:
        if not has_weights_of_keras_3(file):
            return False
        description.is_a("weights.h5", what_weights(3))
        arrays = hdf5.arrays_in(file, description)
        if not arrays:
            description.refuse(
                say("No array is in it. (Is it one of several, with a .weights.json?)")
            )
        kc.add_layers(description, rows_by_group(file, arrays))
        steps, states = optimizer_in_weights(file, arrays)
        # Keras 2 wrote no names and no learning rate, and its optimizer's state is not read.
        has_names = "vars" in file and "name" in file["vars"].attrs
        rate = arrays.get("optimizer/vars/1")
        if steps is not None and not has_names and (rate is None or rate.shape != ()):
            description.what = what_weights(2)
            description.contents.append(
                say("Its optimizer's state is of Keras 2: Keras 3 skips it.")
            )
            steps, states = None, 0
        elif steps is None:
            description.contents.append(say("No optimizer's state."))
        else:
            name = hdf5.text(file["optimizer/vars"], "name") or say(
                "its name is not in the file"
            )
            kc.say_state(description, re.sub(r"_\d+$", "", name), steps, states > 0)
        description.facts.update(steps=steps, optimizer_state=states > 0)
        check_values(description, list(arrays.values()))
    description.facts.update(checksums=False, needs_keras=0)
    description.written_by.append(
        say("The file does not say which version of Keras, nor when.")
    )
    description.needs.append(
        say("Your program, to build the same model. Any Keras 3 reads it.")
    )
    path = description.renamed(path, ".weights.h5")
    say_what_weights_can(description, path, steps is not None)
    return True


def has_weights_of_keras_3(file):
    if "model_config" in file.attrs or "layer_names" in file.attrs:
        return False
    names = list(file)[:1000]
    groups = [
        file[n] for n in names if isinstance(file.get(n, getlink=True), h5py.HardLink)
    ]
    groups = [group for group in groups if isinstance(group, h5py.Group)]
    known = {"layers", "vars", "optimizer"} & set(names)
    return bool(known) or any("vars" in group for group in groups)


def sharded_weights(path, description):
    """Weights in several files: the `.weights.json` file that lists them, or one of them."""
    part = re.fullmatch(r"(.+)_\d{5}\.weights\.h5", path.name)
    if part:
        path = path.with_name(f"{part[1]}.weights.json")
    if not path.name.endswith(".weights.json") or not path.is_file():
        return False
    description.path = path.as_posix()
    description.is_a(
        "weights.json",
        say("The list of several files that have the weights of one model."),
    )
    if path.stat().st_size > TEXT:
        raise zips.RefusedError(say("It is too large for such a list: not read."))
    parts = kc.parse(path.read_text(encoding="utf-8"))["weight_map"]
    files = sorted({name for names in parts.values() for name in names})
    description.written_by.append(
        say("Keras 3; the file does not say which version, nor when.")
    )
    description.contents.append(say("{} files: {}.", len(files), some(files)))
    missing = [
        n for n in files if "/" in n or "\\" in n or not (path.parent / n).is_file()
    ]
    if missing:
        description.refuse(
            say("Not beside it: {}. All files belong together.", some(missing))
        )
    else:
        say_shards(description, path.parent, parts, files)
    description.needs.append(
        say("Your program, to build the same model; all files in one folder.")
    )
    say_what_weights_can(description, path, "/optimizer/vars" in parts)
    return True


def say_shards(description, folder, parts, files):
    """Look into each of several files of weights, for what should be there."""
    rows, there, arrays = [], set(), []
    for name in files:
        try:
            with h5py.File(folder / name) as file:
                inside = hdf5.arrays_in(file, description)
                rows += rows_by_group(file, inside)
                check_values(description, list(inside.values()))
        except OSError:
            description.refuse(
                say("Damaged: {} cannot be read. Take another copy.", name)
            )
            return
        arrays += inside.values()
        there |= {(f"/{key.rpartition('/')[0]}", name) for key in inside}
    kc.add_layers(description, rows)
    lost = [
        group
        for group, names in parts.items()
        if not any((group, name) in there for name in names)
    ]
    if lost:
        description.refuse(say("Arrays are missing in them: {}.", some(lost, 4)))


def say_what_weights_can(description, path, has_optimizer):
    description.can.append(say("Predict, in a model that your program builds."))
    if has_optimizer:
        description.can.append(
            say(
                "Continue training as if never interrupted, if its optimizer is built before "
                "the weights are loaded (the line with optimizer.build). With Dropout or other "
                "random layers, not to the last bit."
            )
        )
    else:
        description.can.append(say("Continue training, with a fresh optimizer."))
    description.code = kc.weights_lines(path, build_optimizer=has_optimizer)


def rows_of_weights(file, arrays, config, description):
    """Return a row for each layer, with its arrays, of weights that Keras 3 has saved.

    The file does not use the names of layers: they are counted, class by class.
    """
    layers = kc.layers_of(config)
    if not layers:
        return rows_by_group(file, arrays)
    rows, used = [], {}
    strangers = {name for name in arrays if name.startswith("layers/")}
    for layer in layers:
        snake = snake_case(str(layer.get("class_name")).rpartition(">")[2])
        number = used[snake] = used.get(snake, -1) + 1
        group = f"layers/{snake}_{number}/" if number else f"layers/{snake}/"
        mine = [name for name in arrays if name.startswith(group)]
        strangers -= set(mine)
        rows.append((kc.layer_row(layer), [arrays[name] for name in mine]))
    if strangers:
        description.refuse(
            say(
                "Arrays of layers that its configuration does not have: {}.",
                some(sorted(strangers), 4),
            )
        )
    return rows


def snake_case(name):
    """Return a class name as Keras 3 writes it in weights (keras/src/utils/naming.py)."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def rows_by_group(file, arrays):
    """Return a row for each group of arrays, but for those of the optimizer and metrics."""
    groups = {}
    for name, array in arrays.items():
        if not name.startswith(("optimizer/", "metrics/", "_metrics", "loss/")):
            groups.setdefault(name.rpartition("/")[0], []).append(array)
    rows = []
    for group, inside in sorted(groups.items()):
        name = hdf5.text(file[group], "name") if group else None
        path = group.removesuffix("/vars") or say("(the model itself)")
        row = {"name": f"{name} ({path})" if name else path, "kind": ""}
        rows.append((row, inside))
    return rows


def optimizer_in_weights(file, arrays):
    """Return the optimizer's counter (or None), and how many arrays of state it has."""
    place = "optimizer/vars/"
    if any(name.startswith("optimizer/inner_optimizer/") for name in arrays):
        place = "optimizer/inner_optimizer/vars/"  # a loss scale is around it
    names = [name for name in arrays if name.startswith(place)]
    counter = arrays.get(f"{place}0")
    if counter is None or counter.shape != () or "int" not in counter.dtype:
        return None, 0
    rate = arrays.get(f"{place}1")  # not there with a learning-rate schedule
    settings = 2 if rate is not None and rate.shape == () else 1
    return int(file[f"{place}0"][()]), len(names) - settings
