"""TensorFlow checkpoints: the values of variables, in a file or more and an index."""

import os
import re
from pathlib import Path

from modelfile import keras_config as kc
from modelfile import zips
from modelfile.arrays import Array, check_values
from modelfile.description import quoted, shorten, some
from modelfile.late import import_tensorflow
from modelfile.sentences import say

import numpy as np

ONE_ARRAY = 200_000_000  # bytes
END = "/.ATTRIBUTES/VARIABLE_VALUE"
GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
COUNTER = re.compile(r"(.+/)(iter|_iterations|iterations)" + re.escape(END))
RATE = re.compile(r"(.+/)(_?learning_rate|decay)" + re.escape(END))
# Variables that are no weights: the optimizer's settings and counters.
NO_WEIGHTS = re.compile(
    r"(^|/)(_?optimizer|save_counter|keras_api|_?iterations?)(/(?!_trainable)|$)"
)

# What tf.train's optimizers of TensorFlow 1 add to the name of a variable.
SLOT = re.compile(
    r"/(Adam|Adam_1|Momentum|RMSProp|RMSProp_1|Adagrad|Adadelta|Adadelta_1|Ftrl|Ftrl_1"
    r"|ExponentialMovingAverage)(_\d+)?$"
)
COUNTERS = re.compile(r"(^|/)(beta[12]_power|global_step)(_\d+)?$")


def checkpoint(path, description):
    """A TensorFlow checkpoint: its prefix, one of its files, or its folder."""
    prefix = prefix_of(path)
    if prefix is None:
        return False
    description.is_a(
        "checkpoint",
        say(
            "A TensorFlow checkpoint: the values of variables. The model itself, its "
            "layers and how they are connected, is not in it."
        ),
    )
    description.path = prefix
    if prefix.endswith("/"):
        description.contents.append(
            say("The names of its files begin with a dot: they are hidden.")
        )
    variables = read_variables(prefix, description)
    if variables is None:
        return True
    keys = list(variables)
    if GRAPH_KEY not in keys:
        say_tensorflow_1(description, prefix, variables)
        return True
    old = any(".OPTIMIZER_SLOT" in key or "layer_with_weights-" in key for key in keys)
    writer = "Keras 2" if old else "TensorFlow 2"
    description.written_by.append(
        say("{}; the file does not say which version, nor when.", writer)
    )
    add_variables(description, variables)
    steps = add_state(description, variables, say("its name is not in the file"))
    if steps is None:
        description.contents.append(say("No optimizer's state."))
    description.needs.append(
        say("Your program, to build the same model, from the same attributes.")
    )
    description.can.append(say("Predict, in a model that your program builds."))
    description.can.append(
        say("Continue training, with a fresh optimizer.")
        if steps is None
        else say("Continue training, with its optimizer's state.")
    )
    roots = sorted({key.partition("/")[0] for key in keys} - {GRAPH_KEY})
    roots = roots if old else names_at_the_top(variables)
    description.code = lines(
        prefix, arguments(variables, roots), old, steps is not None
    )
    if not set(roots) <= {"model", "save_counter"} and not old:
        description.contents.append(
            say("Saved as tf.train.Checkpoint({}).", some(roots, 6))
        )
    return True


def names_at_the_top(variables):
    """Return the names under which objects were given to tf.train.Checkpoint."""
    from tensorflow.core.protobuf import trackable_object_graph_pb2  # noqa: PLC0415

    graph = trackable_object_graph_pb2.TrackableObjectGraph()
    graph.ParseFromString(variables[GRAPH_KEY].values()[0].item())
    return sorted(child.local_name for child in graph.nodes[0].children)


def arguments(variables, roots):
    """Return how tf.train.Checkpoint is called for a checkpoint of Keras 3; None if unclear.

    Not all of it has to be given back: variables of their own are the program's.
    """
    optimizers = {start.removesuffix("/") for start in counters(variables)}
    models = [
        name
        for name in roots
        if name not in optimizers and f"{name}{END}" not in variables
    ]
    if len(models) != 1 or len(optimizers) > 1:
        return None
    parts = [f"{models[0]}=model"]
    parts += [f"{name}=model.optimizer" for name in optimizers if "/" not in name]
    return ", ".join(parts) if all(map(str.isidentifier, models)) else None


def lines(prefix, called, old, has_optimizer):
    """Return the lines of Python that load a checkpoint."""
    if old and called != "model=model":
        convert = f"keras2.convert({quoted(prefix)}, model)"
        return ["from modelfile import keras2", *kc.build_lines(), convert]
    if called is None:
        return [
            "import tensorflow as tf",
            f"reader = tf.train.load_checkpoint({quoted(prefix)})",
            "for name, shape in reader.get_variable_to_shape_map().items():",
            "    print(name, shape)",
        ]
    if has_optimizer:
        build = kc.build_lines()
        build.append("model.optimizer.build(model.trainable_variables)")
    else:
        build = kc.build_lines(compiled=False)
    return [
        "import tensorflow as tf",
        *build,
        f"status = tf.train.Checkpoint({called}).read({quoted(prefix)})",
        say(
            "{}  # or it may load nothing, silently",
            "status.assert_existing_objects_matched()",
        ),
    ]


def prefix_of(path):
    """Return the prefix of a checkpoint with a name, file or folder of it; or None."""
    if path.is_dir():
        return prefix_in_folder(path)
    if path.name == "checkpoint" and path.is_file():
        return newest(path)
    text = path.as_posix()
    if path.is_file():
        found = re.fullmatch(r"(.*)(\.index|\.data-\d{5}-of-\d{5})", text)
        return found[1] if found else None
    return text if Path(f"{text}.index").is_file() else None


def prefix_in_folder(folder):
    if (folder / "saved_model.pb").is_file():
        return None
    if (folder / ".index").is_file():
        return f"{folder.as_posix()}/"
    if (folder / "checkpoint").is_file():
        return newest(folder / "checkpoint")
    found = sorted(folder.glob("*.index"), key=lambda file: file.stat().st_mtime)
    return found[-1].as_posix().removesuffix(".index") if found else None


def newest(pointer):
    """Return the prefix that a file named `checkpoint` points to, in the same folder."""
    with open(pointer, encoding="utf-8", errors="replace") as file:
        found = re.search(r'^model_checkpoint_path: "(.*)"', file.read(100_000), re.M)
    if not found:
        return None
    # A path in a stranger's file is not followed.
    name = found[1].replace("\\", "/").rpartition("/")[2]
    return f"{pointer.parent.as_posix()}/{'' if name == '.' else name}"


def missing_files(prefix):
    """Return the names of the files that a checkpoint lacks."""
    folder, _, name = prefix.rpartition("/")
    found = {file.name for file in Path(folder or ".").iterdir()}
    pattern = re.escape(name) + r"\.data-\d{5}-of-(\d{5})"
    counts = [int(match[1]) for file in found if (match := re.fullmatch(pattern, file))]
    count = min(counts[0], 1000) if counts else 1
    wanted = [f"{name}.index"]
    wanted += [f"{name}.data-{number:05}-of-{count:05}" for number in range(count)]
    return [file for file in wanted if file not in found]


def read_variables(prefix, description):
    """Return the variables of a checkpoint, whose checksums are compared.

    Returns:
        dict: from the whole key to an Array; None if they are not there.
    """
    missing = missing_files(prefix)
    if missing:
        description.refuse(
            say("Missing: {}. Its files belong together.", some(missing, 4))
        )
        return None
    if os.name == "nt" and not str(Path(prefix).absolute()).isascii():
        raise zips.RefusedError(
            say(
                "On Windows, TensorFlow cannot read where a path has other characters than "
                "plain Latin ones. Move it to C:\\lessons, say."
            )
        )
    tf = import_tensorflow()
    folder, _, name = prefix.rpartition("/")
    parts = Path(folder or ".").glob("*")
    stored = sum(p.stat().st_size for p in parts if p.name.startswith(f"{name}.data-"))
    reader = tf.compat.v1.train.NewCheckpointReader(prefix)
    dtypes = reader.get_variable_to_dtype_map()
    variables = {}
    for key, shape in sorted(reader.get_variable_to_shape_map().items()):
        array = Array(key.removesuffix(END), tuple(shape), dtypes[key].name)
        size = array.size * max(1, dtypes[key].size)
        if size > stored and dtypes[key] != tf.string:
            raise ValueError(
                say("{} has the shape {}, and no values", shorten(key, 80), array)
            )
        if size <= ONE_ARRAY:
            array.values = lambda key=key: [np.asarray(reader.get_tensor(key))]
        variables[key] = array
    for array in variables.values():  # to read them all compares the checksums
        if array.values and not array.dtype.startswith("float"):
            array.values()
    check_values(description, list(variables.values()))
    return variables


def counters(variables):
    """Return dict from what the keys of an optimizer begin with to the key of its counter."""
    rates = {found[1] for key in variables if (found := RATE.fullmatch(key))}
    found = [match for key in variables if (match := COUNTER.fullmatch(key))]
    return {match[1]: match[0] for match in found if match[1] in rates}


def is_state(key, optimizers):
    places = tuple(f"{start}_variables/" for start in optimizers)
    return ".OPTIMIZER_SLOT" in key or key.startswith(places)


def add_variables(description, variables):
    """Fill the table: a row for each object that has variables."""
    groups, optimizers = {}, counters(variables)
    places = tuple(f"{start}_trainable_variables/" for start in optimizers)
    for key, array in variables.items():
        if key.startswith(tuple(optimizers)) and not key.startswith(places):
            continue
        if array.shape == () and "/" not in array.name:
            continue  # a counter of the program's own
        if (
            key != GRAPH_KEY
            and ".OPTIMIZER_SLOT" not in key
            and not (NO_WEIGHTS.search(array.name))
        ):
            owner = array.name.rpartition("/")[0] or array.name
            groups.setdefault(owner, []).append(array)
    rows = [({"name": name, "kind": ""}, inside) for name, inside in groups.items()]
    kc.add_layers(description, rows)


def add_state(description, variables, optimizer):
    """Say how far the optimizer was, and return its counter; None if there is none."""
    optimizers = counters(variables)
    for key in optimizers.values():
        array = variables[key]
        if array.shape == () and array.values:
            steps = int(array.values()[0])
            has_state = any(is_state(name, optimizers) for name in variables)
            description.facts.update(steps=steps, optimizer_state=has_state)
            kc.say_state(description, optimizer, steps, has_state)
            return steps
    return None


def say_tensorflow_1(description, prefix, variables):
    """Describe a checkpoint that tf.train.Saver of TensorFlow 1 has written."""
    description.kind = "checkpoint1"
    description.what = say(
        "A checkpoint of TensorFlow 1: the values of variables. The model itself, the "
        "computation that they are for, is not in it."
    )
    description.written_by.append(
        say(
            "tf.train.Saver of TensorFlow 1; the file does not say which version, nor when."
        )
    )
    rows, slots, steps = {}, 0, None
    for name, array in variables.items():
        if COUNTERS.search(name):
            if "global_step" in name and array.values:
                steps = int(array.values()[0])
        elif SLOT.search(name):
            slots += 1
        else:
            owner = name.rpartition("/")[0] or name
            rows.setdefault(owner, []).append(array)
    kc.add_layers(
        description, [({"name": n, "kind": ""}, arrays) for n, arrays in rows.items()]
    )
    description.facts.update(steps=steps, optimizer_state=slots > 0)
    if slots:
        description.contents.append(
            say("An optimizer's state: {} arrays, which are not counted above.", slots)
        )
    else:
        description.contents.append(say("No optimizer's state."))
    if steps is not None:
        description.contents.append(
            say("The step counter, global_step: {}.", f"{steps:,}")
        )
    description.needs.append(
        say(
            "Your program, to build the same model: its variables are given their values by "
            "name, as below."
        )
    )
    description.can += [
        say("Predict, in a model that your program builds."),
        say("Continue training with a fresh optimizer; its state can be read by name."),
    ]
    description.code = [
        "import tensorflow as tf",
        f"reader = tf.train.load_checkpoint({quoted(prefix)})",
        "shapes = reader.get_variable_to_shape_map()",
        "values = {name: reader.get_tensor(name) for name in shapes}",
    ]
