"""The kinds of `.h5` files: a whole model of Keras 2 or 3, weights of Keras 2, anything."""

from modelfile import hdf5, older
from modelfile import keras_config as kc
from modelfile.arrays import check_values
from modelfile.description import quoted, shorten, some
from modelfile.sentences import say

import h5py

# load_model looks for these among the metrics, and fails.
SHORT_NAMES = "mse", "mae", "mape", "msle"
STATE_BY_HAND = """\
model.compile_from_config(model.get_compile_config())  # with a place for the state
with h5py.File({path}) as file:
    group = file["optimizer_weights"]
    values = [group[name][()] for name in group.attrs["weight_names"]]
for variable, value in zip(model.optimizer.variables, values, strict=True):
    variable.assign(value)"""


def h5_model(path, about):
    """A whole model in an `.h5` file, of Keras 2 or 3."""
    if not hdf5.is_hdf5(path):
        return False
    with h5py.File(path) as file:
        if "model_config" not in file.attrs:
            return False
        about.is_a("h5", say("A whole model in an HDF5 file, .h5."))
        arrays = hdf5.arrays_in(file, about)
        group = file.get("model_weights", file)
        say_writer(about, file, group)
        config = kc.parse(hdf5.text(file, "model_config"))
        training = kc.parse(hdf5.text(file, "training_config") or "null")
        add_layers(about, group, arrays, kc.layers_of(config))
        kc.add_training(about, training, *optimizer_in_h5(file, arrays))
        check_values(about, list(arrays.values()))
    about.facts["checksums"] = False
    path = about.renamed(path, ".hdf5" if path.suffix == ".hdf5" else ".h5")
    if about.facts["keras_version"].startswith("3."):
        own = kc.add_needs(about, [config, training])
        if not kc.layers_of(config):
            about.needs.append(
                say(
                    "A class that builds its layers in from_config, or loading fails (lesson 4)."
                )
            )
        older.say_versions(about, config)
        about.needs += kc.cautions(config)
        say_what_keras_3_can(about, path, config, own)
    else:
        about.is_a("keras2.h5", say("A whole model of Keras 2 in an HDF5 file, .h5."))
        kc.say_keras_2(about, path, config)
    return True


def say_what_keras_3_can(about, path, config, own):
    shapes = kc.input_shapes(config)
    operations = kc.operations(config)
    if operations:
        about.needs.append(
            say(
                "Your program, to build the same model: load_model does not find {}, an "
                "operation between its layers, in an .h5 file.",
                some(operations),
            )
        )
        about.can.append(
            say("Predict and be trained, in a model that your program builds.")
        )
        about.code = kc.weights_lines(path, build_optimizer=False)
        return
    about.can.append(
        say("Predict, if you trust it.") if trust(about) else say("Predict.")
    )
    if about.facts.get("loss") in SHORT_NAMES:
        about.needs.append(
            say(
                "compile=False when it is loaded: Keras does not find the short name of its "
                "loss, {}, which a .keras file may have.",
                about.facts["loss"],
            )
        )
        about.can.append(
            say("Continue training, compiled again: model.compile(...), then lesson 3.")
        )
        about.code = kc.load_lines(path, own, shapes, f"{trust(about)}, compile=False")
        return
    if not about.facts["optimizer_state"]:
        about.can.append(
            say("Continue training, with a fresh optimizer.")
            if "optimizer" in about.facts
            else say("Continue training, after model.compile(...).")
        )
        about.code = kc.load_lines(path, own, shapes, trust(about))
        return
    about.can.append(
        say(
            "Continue training as if never interrupted: its optimizer's state has to be "
            "given by hand, as the lines below do. A .keras file gives it back by "
            "itself: --convert."
        )
    )
    by_hand = STATE_BY_HAND.format(path=quoted(path)).splitlines()
    about.code = [
        "import h5py",
        *kc.load_lines(path, own, shapes, trust(about), by_hand),
    ]


def trust(about):
    return ", safe_mode=False" if about.facts.get("code_in_file") else ""


def h5_weights(path, about):
    """Weights alone in an `.h5` file of Keras 2."""
    if not hdf5.is_hdf5(path):
        return False
    with h5py.File(path) as file:
        if "layer_names" not in file.attrs:
            return False
        about.is_a(
            "keras2.weights",
            say(
                "The weights of a model of Keras 2 in an HDF5 file, .h5. The model itself, "
                "its layers and how they are connected, is not in it."
            ),
        )
        arrays = hdf5.arrays_in(file, about)
        say_writer(about, file, file)
        add_layers(about, file, arrays, [])
        check_values(about, list(arrays.values()))
    about.contents.append(say("No optimizer's state."))
    about.facts["checksums"] = False
    about.needs.append(
        say("Your program, to build the model with the same layers in the same order.")
    )
    about.can += [
        say("Predict, in a model that your program builds."),
        say("Continue training, with a fresh optimizer."),
    ]
    path = about.renamed(
        path, ".hdf5" if path.suffix == ".hdf5" else ".h5", ".weights.h5"
    )
    about.code = kc.weights_lines(path, build_optimizer=False)
    return True


def other_hdf5(path, about):
    """An HDF5 file of something else."""
    if not hdf5.is_hdf5(path):
        return False
    with h5py.File(path) as file:
        names = list(file)[:1000]
    if names:
        about.refuse(
            say(
                "It has no model of Keras and no weights. At its top it has: {}.",
                some(names, 6),
            )
        )
    else:
        about.refuse(say("Nothing is in it."))
    return True


def say_writer(about, file, group):
    """Say which Keras wrote an `.h5` file; early ones did not say it."""
    version = (
        hdf5.text(file, "keras_version")
        or hdf5.text(group, "keras_version")
        or "2 or 1"
    )
    backend = hdf5.text(file, "backend") or hdf5.text(group, "backend") or "?"
    about.facts.update(keras_version=version, backend=backend)
    where = {"tensorflow": "TensorFlow"}.get(backend, backend)
    about.written_by.append(
        say(
            "Keras {} on {}; it does not say when.",
            shorten(version, 20),
            shorten(where, 20),
        )
    )


def add_layers(about, group, arrays, layers):
    """Fill the table from an `.h5` file, where groups have the names of layers."""
    prefix = f"{group.name}/".lstrip("/")
    rows = {row["name"]: (row, []) for row in map(kc.layer_row, layers)}
    for name in hdf5.texts(group, "layer_names"):
        weights = hdf5.texts(group[name], "weight_names")
        if not layers and len(weights) > 12:  # as transformers writes tf_model.h5
            add_groups(rows, name, weights, arrays, f"{prefix}{name}/")
            continue
        if name not in rows:
            rows[name] = ({"name": name, "kind": ""}, [])
            if layers and weights:
                about.refuse(
                    say(
                        "Arrays of a layer that its configuration does not have: {}.",
                        shorten(name, 60),
                    )
                )
        for weight in weights:
            array = arrays.get(f"{prefix}{name}/{weight}")
            if array is None:
                about.refuse(say("The array {} is missing.", shorten(weight, 80)))
            else:
                rows[name][1].append(array)
    kc.add_layers(about, list(rows.values()))


def add_groups(rows, name, weights, arrays, prefix):
    """Add a row for each group of arrays in what the file calls one layer."""
    for weight in weights:
        array = arrays.get(f"{prefix}{weight}")
        owner = weight.rpartition("/")[0] or name
        rows.setdefault(owner, ({"name": owner, "kind": ""}, []))
        if array is not None:
            rows[owner][1].append(array)


def optimizer_in_h5(file, arrays):
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
