"""Folders of Keras 3: what OrbaxCheckpoint writes, an unpacked `.keras`, a KerasHub preset."""

import ast
import math

from modelfile import keras_config as kc
from modelfile import keras_files, zips
from modelfile.arrays import Array
from modelfile.description import quoted, shorten, some
from modelfile.sentences import say

import h5py

MOST = 64_000_000  # bytes of a JSON text


def read_json(path):
    if path.stat().st_size > MOST:
        raise zips.RefusedError(
            say("{} is larger than {} bytes: not read.", path.name, f"{MOST:,}")
        )
    return kc.parse(path.read_text(encoding="utf-8"))


def orbax_checkpoint(path, description):
    """The folder of keras.callbacks.OrbaxCheckpoint, or one of the steps in it."""
    steps = [path]
    if not (path / "_CHECKPOINT_METADATA").is_file():
        found = [p for p in path.iterdir() if (p / "_CHECKPOINT_METADATA").is_file()]
        steps = sorted(found, key=lambda p: (len(p.name), p.name))
    if not steps or not (steps[-1] / "pytree" / "_METADATA").is_file():
        return False
    description.is_a(
        "orbax", say("A checkpoint of Orbax, as OrbaxCheckpoint of Keras writes it.")
    )
    description.written_by.append(
        say("Orbax and Keras 3; the folder does not say which version, nor when.")
    )
    if len(steps) > 1 or steps[0] != path:
        description.contents.append(
            say(
                "Steps: {}. Described is the last one.",
                some([p.name for p in steps], 6),
            )
        )
    step = steps[-1]
    groups = arrays_of(step, description)
    rows = [({"name": name, "kind": ""}, inside) for name, inside in groups.items()]
    kc.add_layers(description, rows)
    say_orbax_model(description, step, path)
    return True


def arrays_of(step, description):
    """Return dict from a layer's path to its arrays; what the optimizer keeps is a fact."""
    tree = read_json(step / "pytree" / "_METADATA")["tree_metadata"]
    groups, states = {}, 0
    for key, value in tree.items():
        names = [str(part) for part in ast.literal_eval(key)]
        shape = value["value_metadata"].get("write_shape")
        if shape is None:
            continue
        array = Array("/".join(names), tuple(int(n) for n in shape), "float32")
        if math.prod(array.shape) > 10**12:
            raise ValueError(
                say("{} has the shape {}, and no values", names[-1], array)
            )
        if names[0] == "optimizer_variables":
            is_state = names[-1] not in ("iteration", "learning_rate")
            states += is_state
        elif names[0] in ("trainable_variables", "non_trainable_variables"):
            groups.setdefault("/".join(names[1:-1]), []).append(array)
    description.facts["optimizer_state"] = states > 0
    description.contents.append(
        say("An optimizer's state.") if states else say("No optimizer's state.")
    )
    missing = [
        n for n in ("manifest.ocdbt", "_sharding") if not (step / "pytree" / n).exists()
    ]
    if missing or not (step / "commit_success.txt").is_file():
        description.refuse(
            say(
                "It is not complete: {} is missing.",
                some(missing or ["commit_success.txt"]),
            )
        )
    return groups


def say_orbax_model(description, step, path):
    """Say whether the model is in it, too, and how to load it."""
    config = {}
    text = step / "model_config" / "_strings.json"
    if text.is_file():
        strings = read_json(text)
        config = kc.parse(strings["config"]) if "config" in strings else {}
    description.needs.append(say("The package orbax-checkpoint (pip install)."))
    if config:
        kc.name_layers(description, config)
        own = kc.add_needs(description, config)
    functional = config.get("class_name") == "Functional"
    absolute = f"os.path.abspath({quoted(path)})"
    if functional:
        description.can.append(
            say("Predict, and continue training with its optimizer's state.")
        )
        description.code = kc.load_lines(path, own, kc.input_shapes(config))
        description.code = [
            line.replace(quoted(path), absolute) if quoted(path) in line else line
            for line in description.code
        ]
        description.code.insert(0, "import os")
        return
    description.needs.append(
        say(
            "Your program, to build the same model with the same names: load_model gives a "
            "Sequential or your own class random weights, without an error, and load_weights "
            "loads nothing where a name differs."
        )
    )
    description.can.append(say("Predict, in a model that your program builds."))
    description.can.append(
        say(
            "Continue training with its optimizer's state: the line with optimizer.build."
        )
    )
    description.code = [
        "import os",
        *kc.build_lines(),
        "model.optimizer.build(model.trainable_variables)",
        "before = model.get_weights()",
        f"model.load_weights({absolute})",
        "same = [(a == b).all() for a, b in zip(before, model.get_weights())]",
        say("assert not all(same)  # or nothing was loaded: the names differ"),
    ]


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
