"""Folders of Keras 3: what OrbaxCheckpoint writes, an unpacked `.keras`, a KerasHub preset."""

import ast
import datetime

from modelfile import keras_config as kc
from modelfile import keras_files, zips
from modelfile.arrays import Array
from modelfile.description import quoted, shorten, some
from modelfile.sentences import say

import h5py

MOST = 64_000_000  # bytes of a JSON text
WRAPPERS = (
    "Bidirectional",
    "TimeDistributed",
    "SpectralNormalization",
    "StackedRNNCells",
)


def read_json(path):
    if path.stat().st_size > MOST:
        raise zips.RefusedError(
            say("{} is larger than {} bytes: not read.", path.name, f"{MOST:,}")
        )
    return kc.parse(path.read_text(encoding="utf-8"))


def orbax_checkpoint(path, description):
    """The folder of keras.callbacks.OrbaxCheckpoint, or one of the steps in it."""
    asked = path
    if (path / "_CHECKPOINT_METADATA").is_file():
        asked = path.absolute()
        path = asked.parent if path.name == "" else path.parent
    found = [p for p in path.iterdir() if (p / "_CHECKPOINT_METADATA").is_file()]
    steps = sorted(found, key=lambda p: (p.name.isdecimal(), len(p.name), p.name))
    if not steps or not (steps[-1] / "pytree" / "_METADATA").is_file():
        return False
    description.is_a(
        "orbax", say("A checkpoint of Orbax, as OrbaxCheckpoint of Keras writes it.")
    )
    description.contents.append(
        say("Steps: {}. Described is the last one.", some([p.name for p in steps], 6))
    )
    step = steps[-1]
    if not step.name.isdecimal():
        description.refuse(
            say(
                "Its name should be a number, 0 say, in a folder: so Keras finds a step."
            )
        )
    elif asked != path and asked.name != step.name:
        description.needs.append(
            say(
                "The step {} alone in another folder, to load that one: Keras loads the last "
                "step of a folder.",
                asked.name,
            )
        )
    written = (
        read_json(step / "_CHECKPOINT_METADATA").get("commit_timestamp_nsecs") or 0
    )
    day = datetime.datetime.fromtimestamp(written // 10**9, datetime.UTC)
    description.written_by.append(
        say("Orbax and Keras 3, on {} (UTC).", f"{day:%Y-%m-%d at %H:%M}")
    )
    say_variables(description, step)
    say_orbax_model(description, step, path)
    return True


def say_variables(description, step):
    """Say which variables a step has. Their shapes are there if JAX wrote them."""
    tree = read_json(step / "pytree" / "_METADATA")["tree_metadata"]
    groups, states, optimizers = {}, 0, set()
    for key, value in tree.items():
        kind, *names = map(str, ast.literal_eval(key))
        if kind == "optimizer_variables" and len(names) > 1:
            states += names[-1] not in ("iteration", "learning_rate")
            optimizers.add(names[0])
        elif not kind.endswith("trainable_variables") or not names:
            continue  # of metrics, or an empty group
        elif names[-1] != "seed_generator_state":
            shape = value["value_metadata"].get("write_shape")
            size = None if shape is None else tuple(int(n) for n in shape)
            array = Array(names[-1], size or (), "float32")
            if array.size > 10**12:
                raise ValueError(
                    say("{} has the shape {}, and no values", names[-1], array)
                )
            groups.setdefault("/".join(names[:-1]), []).append((size, array))
    description.contents.append(say("{} variables.", sum(map(len, groups.values()))))
    if any(size is None for inside in groups.values() for size, _ in inside):
        description.contents.append(say("Their shapes are not in the folder."))
    else:
        rows = [
            ({"name": name, "kind": ""}, [array for _, array in inside])
            for name, inside in groups.items()
        ]
        kc.add_layers(description, rows)
    description.facts["optimizer_state"] = states > 0
    description.facts["optimizer_names"] = sorted(optimizers)
    description.contents.append(
        say("An optimizer's state.") if states else say("No optimizer's state.")
    )
    parts = ["pytree/manifest.ocdbt", "pytree/d", "commit_success.txt"]
    missing = [name for name in parts if not (step / name).exists()]
    if missing:
        description.refuse(say("It is not complete: {} is missing.", some(missing)))


def say_orbax_model(description, step, path):
    """Say whether the model is in it, too, and how to load it."""
    config = {}
    text = step / "model_config" / "_strings.json"
    if text.is_file():
        strings = read_json(text)
        config = kc.parse(strings["config"]) if "config" in strings else {}
    description.needs.append(say("The package orbax-checkpoint (pip install)."))
    own = []
    if config:
        kc.name_layers(description, config)
        own = kc.add_needs(description, config)
    has_state = bool(description.facts["optimizer_names"])
    kind = config.get("class_name")
    data = kc.data_lines(config)
    lines = [
        *data[:1],
        "import ast, json, os",
        f"folder = os.path.abspath({quoted(path)})",
    ]
    comes_back = kind in ("Functional", "Sequential") and not own
    comes_back = comes_back and not loses_names(config)
    if comes_back and kind == "Sequential":
        description.needs.append(
            say(
                "The lines below: load_model gives a Sequential random weights, without an "
                "error."
            )
        )
    if comes_back and kind == "Functional":
        lines += ["import keras", "model = keras.models.load_model(folder)"]
    elif comes_back:
        lines += [
            "import keras",
            f'text = open({quoted(text)}, encoding="utf-8").read()',
            'config = json.loads(json.loads(text)["config"])',
            "model = keras.saving.deserialize_keras_object(config)",
            say(
                "{}  # with the names in the folder",
                "model = keras.models.clone_model(model)",
            ),
        ]
        if "compile_config" in config:
            lines.append('model.compile_from_config(config["compile_config"])')
        lines.append("model.load_weights(folder)")
    else:
        names = description.facts["optimizer_names"]
        names += (
            [config["config"]["name"]] if "name" in config.get("config", {}) else []
        )
        description.needs.append(
            say(
                "Your program, to build the same model with the same names, of the model, of "
                "its layers and of its optimizer ({}). load_model and load_weights leave "
                "variables of other names as they were, random, without an error.",
                some(names),
            )
        )
        lines += kc.build_lines()
        if has_state:
            lines.append("model.optimizer.build(model.trainable_variables)")
        lines.append("model.load_weights(folder)")
    description.can.append(say("Predict."))
    description.can.append(
        say("Continue training with its optimizer's state.")
        if has_state
        else say("Continue training, with a fresh optimizer.")
    )
    variables = (
        "model.weights + model.optimizer.variables" if has_state else "model.weights"
    )
    description.code = [
        *lines,
        f"tree = json.load(open({quoted(step / 'pytree' / '_METADATA')}))",
        'keys = map(ast.literal_eval, tree["tree_metadata"])',
        'names = {"/".join(map(str, key[1:])) for key in keys}',
        f"lost = [v.path for v in {variables} if v.path not in names]",
        say(
            "{}  # they have other names in the folder, and no value",
            "assert not lost, lost",
        ),
        *data[1:],
        *(["predictions = model.predict(x)"] if data else []),
    ]


def loses_names(config):
    """Return whether a model that is built from its configuration has other names.

    So it is where a layer is built before the one that it is in. (Keras 3.15)
    """
    inside = [part.get("class_name") for part in kc.parts(config) if part is not config]
    lost = {"Sequential", *WRAPPERS}
    if config.get("class_name") == "Sequential":
        lost |= {"Functional", "Normalization"}
    return bool(lost & set(inside))


def keras_hub_preset(path, description):
    """A preset of KerasHub (or KerasNLP, KerasCV): a folder with a model and what it needs."""
    if not (path / "config.json").is_file() or not (path / "metadata.json").is_file():
        return False
    metadata = read_json(path / "metadata.json")
    packages = [
        key.removesuffix("_version") for key in metadata if key.endswith("_version")
    ]
    hub = [name for name in packages if name in ("keras_hub", "keras_nlp", "keras_cv")]
    if not hub:
        return False
    description.is_a(
        "preset",
        say("A preset of {}: a folder with a model and what it needs.", hub[0]),
    )
    config = read_json(path / "config.json")
    name = shorten(str(config.get("class_name")), 60)
    keras_files.say_writer(description, metadata)
    description.contents.append(say("The class {}.", name))
    beside = sorted(entry.name for entry in path.iterdir())
    description.contents.append(say("{} files: {}.", len(beside), some(beside)))
    description.needs.append(
        say("The package {} (pip install).", hub[0].replace("_", "-"))
    )
    description.can.append(
        say("Predict, and continue training with a fresh optimizer.")
    )
    if name.isidentifier():
        description.code = [
            f"import {hub[0]}",
            f"model = {hub[0]}.models.{name}.from_preset({quoted(path)})",
        ]
    return True


def unpacked_keras(path, description):
    """A `.keras` file that was unpacked, or saved with zipped=False."""
    parts = [path / name for name in ("config.json", "model.weights.h5")]
    if not all(part.is_file() for part in parts):
        return False
    description.is_a(
        "keras", say("A whole model in the format of Keras, unpacked: a folder.")
    )
    if (path / "metadata.json").is_file():
        keras_files.say_writer(description, read_json(path / "metadata.json"))
    config = read_json(path / "config.json")
    with h5py.File(path / "model.weights.h5") as file:
        keras_files.say_weights(description, file, config)
    description.kind = "keras.folder"
    keras_files.say_use(description, path, config)
    description.facts["checksums"] = False
    return True
