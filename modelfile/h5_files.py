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
with h5py.File({path}) as file:
    group = file["optimizer_weights"]
    values = [group[name][()] for name in group.attrs["weight_names"]]
for variable, value in zip(model.optimizer.variables, values, strict=True):
    variable.assign(value)"""


def h5_model(path, description):
    """A whole model in an `.h5` file, of Keras 2 or 3."""
    if not hdf5.is_hdf5(path):
        return False
    with h5py.File(path) as file:
        if "model_config" not in file.attrs:
            return False
        description.is_a("h5", say("A whole model in an HDF5 file, .h5."))
        arrays = hdf5.arrays_in(file, description)
        group = file.get("model_weights", file)
        say_writer(description, file, group)
        config = kc.parse(hdf5.text(file, "model_config"))
        training = kc.parse(hdf5.text(file, "training_config") or "null")
        add_layers(description, group, arrays, kc.layers_of(config))
        kc.add_training(description, training, *optimizer_in_h5(file, arrays))
        check_values(description, list(arrays.values()))
    description.facts["checksums"] = False
    path = description.renamed(path, ".hdf5" if path.suffix == ".hdf5" else ".h5")
    if description.facts["keras_version"].startswith("3."):
        own = kc.add_needs(description, [config, training])
        if not kc.layers_of(config):
            description.needs.append(
                say(
                    "A class that builds its layers in from_config, or loading fails (lesson 4)."
                )
            )
        older.say_versions(description, config)
        description.needs += kc.cautions(config)
        say_what_keras_3_can(description, path, config, own)
    else:
        description.is_a(
            "keras2.h5", say("A whole model of Keras 2 in an HDF5 file, .h5.")
        )
        kc.say_keras_2(description, path, config)
    return True


def say_what_keras_3_can(description, path, config, own):
    operations = kc.operations(config)
    if operations:
        description.needs.append(
            say(
                "Your program, to build the same model: load_model does not find {}, an "
                "operation between its layers, in an .h5 file.",
                some(operations),
            )
        )
        description.can.append(
            say("Predict and be trained, in a model that your program builds.")
        )
        description.code = kc.weights_lines(path, build_optimizer=False)
        return
    description.can.append(
        say("Predict, if you trust it.") if trust(description) else say("Predict.")
    )
    if description.facts.get("loss") in SHORT_NAMES:
        description.needs.append(
            say(
                "compile=False when it is loaded: Keras does not find the short name of its "
                "loss, {}, which a .keras file may have.",
                description.facts["loss"],
            )
        )
        description.can.append(
            say("Continue training, compiled again: model.compile(...), then lesson 3.")
        )
        description.code = kc.load_lines(
            path, own, config, f"{trust(description)}, compile=False"
        )
        return
    if not description.facts["optimizer_state"] or kc.has_frozen_attention(config):
        description.can.append(
            say("Continue training, with a fresh optimizer.")
            if "optimizer" in description.facts
            else say("Continue training, after model.compile(...).")
        )
        fresh = compile_again(own) if "optimizer" in description.facts else []
        description.code = kc.load_lines(path, own, config, trust(description), fresh)
        if "loss" not in description.facts:
            description.code += kc.compile_lines(config)
        return
    random = kc.random_layers(config)
    description.can.append(
        say(
            "Continue training with its optimizer's state, which the lines below give by "
            "hand, but not to the last bit: the random numbers of {} are not in the file.",
            some(random, 4),
        )
        if random
        else say(
            "Continue training as if never interrupted: its optimizer's state has to be "
            "given by hand, as the lines below do. A .keras file gives it back by "
            "itself: --convert."
        )
    )
    by_hand = compile_again(own)
    by_hand += STATE_BY_HAND.format(path=quoted(path)).splitlines()
    description.code = [
        "import h5py",
        *kc.load_lines(path, own, config, trust(description), by_hand),
    ]


def compile_again(own):
    """Return the lines that give a loaded model a new optimizer, built for its weights."""
    line = "model.compile_from_config(model.get_compile_config())"
    if not kc.own_lines(own):
        return [say("{}  # a new optimizer", line)]
    scope = "with keras.saving.custom_object_scope(own):"
    return [scope, say("{}  # a new optimizer", f"    {line}")]


def trust(description):
    return ", safe_mode=False" if description.facts.get("code_in_file") else ""


def h5_weights(path, description):
    """Weights alone in an `.h5` file of Keras 2."""
    if not hdf5.is_hdf5(path):
        return False
    with h5py.File(path) as file:
        if "layer_names" not in file.attrs:
            return False
        description.is_a(
            "keras2.weights",
            say(
                "The weights of a model of Keras 2 in an HDF5 file, .h5. The model itself, "
                "its layers and how they are connected, is not in it."
            ),
        )
        arrays = hdf5.arrays_in(file, description)
        say_writer(description, file, file)
        add_layers(description, file, arrays, [])
        check_values(description, list(arrays.values()))
    description.contents.append(say("No optimizer's state."))
    description.facts["checksums"] = False
    description.needs.append(
        say("Your program, to build the model with the same layers in the same order.")
    )
    description.can += [
        say("Predict, in a model that your program builds."),
        say("Continue training, with a fresh optimizer."),
    ]
    path = description.renamed(
        path, ".hdf5" if path.suffix == ".hdf5" else ".h5", ".weights.h5"
    )
    description.code = kc.weights_lines(path, build_optimizer=False)
    return True


def other_hdf5(path, description):
    """An HDF5 file of something else."""
    if not hdf5.is_hdf5(path):
        return False
    with h5py.File(path) as file:
        names = list(file)[:1000]
    if names:
        description.refuse(
            say(
                "It has no model of Keras and no weights. At its top it has: {}.",
                some(names, 6),
            )
        )
    else:
        description.refuse(say("Nothing is in it."))
    return True


def say_writer(description, file, group):
    """Say which Keras wrote an `.h5` file; early ones did not say it."""
    version = (
        hdf5.text(file, "keras_version")
        or hdf5.text(group, "keras_version")
        or "2 or 1"
    )
    backend = hdf5.text(file, "backend") or hdf5.text(group, "backend") or "?"
    description.facts.update(keras_version=version, backend=backend)
    where = {"tensorflow": "TensorFlow"}.get(backend, backend)
    description.written_by.append(
        say(
            "Keras {} on {}; it does not say when.",
            shorten(version, 20),
            shorten(where, 20),
        )
    )


def add_layers(description, group, arrays, layers):
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
                description.refuse(
                    say(
                        "Arrays of a layer that its configuration does not have: {}.",
                        shorten(name, 60),
                    )
                )
        for weight in weights:
            array = arrays.get(f"{prefix}{name}/{weight}")
            if array is None:
                description.refuse(say("The array {} is missing.", shorten(weight, 80)))
            else:
                rows[name][1].append(array)
    kc.add_layers(description, list(rows.values()))


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
