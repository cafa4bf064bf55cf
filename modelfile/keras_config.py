"""What the configuration of a Keras model says, read as JSON: nothing in it is run."""

import importlib.util
import json
import math
import re
from pathlib import Path

from modelfile.arrays import shape_text
from modelfile.description import literal, printable, quoted, shorten, some
from modelfile.sentences import say

# They draw random numbers, whose state no file of Keras has.
RANDOM = re.compile(r"(\w*Dropout\w*|Gaussian\w+|Random\w+|AutoContrast|MixUp|CutMix)$")
NUMBERS = "float32", "float64", "float16", "int64", "int32", "int16", "int8"
NUMBERS += "uint64", "uint32", "uint16", "uint8", "bool"
# For a model that was never compiled: what the activation of its output hints at.
COMPILE = {
    "softmax": say(
        "{}  # labels: 0, 1 ...",
        'model.compile("adam", "sparse_categorical_crossentropy")',
    ),
    "sigmoid": say(
        "{}  # labels: 0 or 1", 'model.compile("adam", "binary_crossentropy")'
    ),
    "linear": say(
        "{}  # or your own loss", 'model.compile("adam", "mean_squared_error")'
    ),
}
MOST_LETTERS = 200  # of an input's name
ATTENTION = "MultiHeadAttention", "GroupQueryAttention", "GroupedQueryAttention"
OWN_CODE = "my_code"  # the name of the reader's own file in the lines to type


def parse(text):
    """Return the JSON of a configuration.

    Raises:
        ValueError: it is no JSON, or is nested too deep.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError(
            say("its JSON text is nested too deep: Keras writes none so")
        ) from None


def parts(config):
    """Yield each dict in a configuration, from the outside in."""
    waiting = [config]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting.extend(reversed(item.values()))
        elif isinstance(item, list):
            waiting.extend(reversed(item))


def strings(thing):
    """Yield each str in lists and in dicts that are not of a class."""
    if isinstance(thing, str):
        yield thing
    elif isinstance(thing, list):
        for item in thing:
            yield from strings(item)
    elif isinstance(thing, dict) and "class_name" not in thing:
        yield from strings(list(thing.values()))


def layers_of(model):
    """Return the dicts of a model's layers; none for a class of its own."""
    config = model.get("config")
    if isinstance(config, list):  # Sequential before Keras 2.3
        return config
    layers = config.get("layers") if isinstance(config, dict) else None
    return layers if isinstance(layers, list) else []


def layer_row(layer):
    """Return the row of a layer in the table, without its arrays."""
    config = layer.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    kind = str(layer.get("class_name"))
    inner = layers_of(layer)
    if inner:
        kind = say("{} of {} layers", kind, len(inner))
    return {"name": str(name or layer.get("name")), "kind": kind}


def name_layers(description, model):
    """Say which layers a model has, where their arrays are not known."""
    rows = map(layer_row, layers_of(model))
    # Of a layer with layers in it the class only: names are not translated.
    names = [f"{row['name']} ({row['kind'].partition(' ')[0]})" for row in rows]
    if names:
        description.contents.append(say("Layers: {}.", some(names, 6)))


def add_layers(description, rows, data=False):
    """Fill the table.

    Args:
        description: the Description.
        rows: list of (dict with `name` and `kind`, list of Array).
        data: whether the numbers may be no parameters of a model.
    """
    for row, arrays in rows:
        shapes = [str(array) for array in arrays]
        size = sum(array.size for array in arrays)
        description.layers.append({**row, "arrays": shapes, "parameters": size})
    total = sum(row["parameters"] for row in description.layers)
    description.facts["parameters"] = total
    kinds = sorted({array.dtype for _, arrays in rows for array in arrays})
    description.facts["dtype"] = kinds
    if total:
        types = some(kinds, 3)
        numbers = say("{} numbers, {}.", f"{total:,}", types)
        description.contents.append(
            numbers if data else say("{} parameters, {}.", f"{total:,}", types)
        )


def name_of(thing):
    """Return how a loss, an optimizer or a metric is called in a configuration."""
    if isinstance(thing, list):
        return ", ".join(name_of(item) for item in thing)
    if not isinstance(thing, dict):
        return shorten(thing, 60).rpartition(">")[2]
    if "class_name" not in thing:
        return ", ".join(name_of(item) for item in thing.values())
    if thing["class_name"] == "function":
        return name_of(thing.get("config"))
    return name_of(thing["class_name"])


def add_training(description, training, steps, states):
    """Say how the model was compiled, and how far it was trained.

    Args:
        description: the Description.
        training: dict with `loss` and the optimizer, or None.
        steps: int, the optimizer's counter, or None.
        states: how many arrays with a state the optimizer has.
    """
    optimizer = say_compiled(description, training)
    # Of SGD without momentum the counter is all the state.
    has_state = bool(steps) and (states > 0 or optimizer == "SGD")
    description.facts.update(steps=steps, optimizer_state=has_state)
    if optimizer is not None:
        say_state(description, optimizer, steps, has_state)
    elif has_state and training:
        description.contents.append(
            say("The state of an optimizer after {} steps (batches).", f"{steps:,}")
        )
        description.problems.append(
            say(
                "It does not say which optimizer that was, because the model had been saved "
                "as .h5 before (lesson 3). load_model takes RMSprop, and skips the state."
            )
        )


def say_compiled(description, training):
    """Say which loss a model was compiled with, and return the optimizer's name or None."""
    if not isinstance(training, dict) or not training:
        description.contents.append(say("It was not compiled: no loss, no optimizer."))
        return None
    description.facts["loss"] = name_of(training.get("loss"))
    description.contents.append(say("Loss: {}.", description.facts["loss"]))
    optimizer = training.get("optimizer", training.get("optimizer_config"))
    if optimizer is None:
        return None
    description.facts["optimizer"] = name_of(optimizer)
    return description.facts["optimizer"]


def say_state(description, optimizer, steps, state):
    """Say whether the optimizer's state is there."""
    if steps == 0:
        description.contents.append(
            say("Optimizer: {}; not a step of training so far.", optimizer)
        )
    elif state:
        count = (
            say("1 step (batch)")
            if steps == 1
            else say("{} steps (batches)", f"{steps:,}")
        )
        description.contents.append(
            say("Optimizer: {}, with its state after {}.", optimizer, count)
        )
    else:
        description.contents.append(
            say("Optimizer: {}; its state is not in the file.", optimizer)
        )


def keras_names():
    """Return the names of all layers, losses and so on that Keras 3 and Keras 2 have.

    They are read from the text of its modules: to import Keras takes seconds.
    """
    names = set()
    for package, files, pattern in [
        ("keras", "*/**/__init__.py", r"as (\w+)"),
        ("tf_keras", "*/__init__.py", r"import (\w+)"),
    ]:
        spec = importlib.util.find_spec(package)
        if spec is None:
            continue
        for path in Path(spec.submodule_search_locations[0]).glob(files):
            if path.parent.name != "src":
                names.update(re.findall(pattern, path.read_text(encoding="utf-8")))
    return names


# Names that Keras 2 wrote, that Keras writes for what is no class of yours, and those of
# metrics that are in no module.
OTHER_NAMES = {
    "Functional",
    "Model",
    "Policy",
    "TensorShape",
    "function",
    "DTypePolicy",
}
OTHER_NAMES |= {"MeanMetricWrapper", "LossFunctionWrapper"}
# Of Keras 2: calls of TensorFlow between layers, and what only a GPU had.
OTHER_NAMES |= {"TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod"}
OTHER_NAMES |= {"InstanceProperty", "TensorFlowOpLayer", "CuDNNGRU", "CuDNNLSTM"}
OTHER_NAMES |= {"accuracy", "acc", "crossentropy", "ce"}
OWN_PACKAGES = "keras", "builtins", "tf_keras", "tensorflow"


def own_names(config):
    """Return the names of classes and functions that are not Keras's own.

    Returns:
        dict: from the name to the package that it comes from, "" if that is the reader's
        own program.
    """
    known = keras_names() | OTHER_NAMES
    found = {}
    for part in parts(config):
        if "optimizer_config" in part:  # an .h5 file has functions as mere names
            used = [part.get(key) for key in ("loss", "metrics", "weighted_metrics")]
            used = {text.rpartition(">")[2] for text in strings(used)}
            found.update(dict.fromkeys(used - known, ""))
        name, module = part.get("class_name"), part.get("module")
        if name == "function" and isinstance(part.get("config"), str):
            name = part["config"]
            module = None if module == "builtins" else module
        if not isinstance(name, str) or name.startswith("__") or is_operation(part):
            continue
        package, _, short_name = name.rpartition(">")
        origin = module.partition(".")[0] if isinstance(module, str) else ""
        if origin.startswith("keras_"):
            found[short_name] = origin
        elif origin not in OWN_PACKAGES and (
            package not in ("", "Custom") or short_name not in known
        ):
            found[short_name] = ""
    return found


def is_operation(part):
    """Return whether a part is no layer, but an operation: the `/` in `x / 255`, say."""
    inner = part.get("config")
    is_node = "inbound_nodes" in part and part.get("class_name") != "InputLayer"
    return is_node and isinstance(inner, dict) and "trainable" not in inner


def operations(config):
    """Return the names of the operations between the layers of a model."""
    return sorted({str(p.get("class_name")) for p in parts(config) if is_operation(p)})


def cautions(config):
    """Return sentences on what comes back otherwise, silently: see docs/formats.md."""
    found = []
    for part in parts(config):
        inner = part.get("config")
        if not isinstance(inner, dict):
            continue
        name = shorten(inner.get("name"), 60)
        if inner.get("stateful") is True:
            found.append(
                say(
                    "reset_state() of the layer {} before a sequence begins: what a stateful "
                    "layer remembers is not in the file.",
                    name,
                )
            )
        if inner.get("lora_rank"):
            found.append(
                say(
                    "Its weights by get_weights() and set_weights(): LoRA of the layer {} does "
                    "not continue training from this file.",
                    name,
                )
            )
        if inner.get("lora_rank") and quantized({"dtype": inner.get("dtype")}):
            found.append(
                say(
                    "A look at its predictions: Keras has added LoRA to the quantized weights "
                    "of {}, and rounded them again.",
                    name,
                )
            )
        frozen = inner.get("trainable") is False
        if frozen and part.get("class_name") in ATTENTION:
            found.append(
                say(
                    "trainable = False for each layer in {}, should it stay frozen: loading "
                    "unfreezes them, and skips the optimizer's state.",
                    name,
                )
            )
        if frozen and layers_of(part) and part.get("class_name") == "Sequential":
            found.append(
                say(
                    "trainable = True for each layer of {}, should it be unfrozen: for the whole "
                    "of it, it does nothing.",
                    name,
                )
            )
    return found


def add_needs(description, config):
    """Say what has to be there before the model can be loaded.

    Returns:
        list of str: the names of the reader's own classes and functions.
    """
    names = own_names(config)
    own = sorted(name for name, package in names.items() if not package)
    description.facts["own_classes"] = own
    for package in sorted(set(names.values()) - {""}):
        description.needs.append(
            say("The package {} (pip install).", shorten(package, 60))
        )
    if own:
        description.needs.append(
            say(
                "Code that is not in the file: the class or function {}. Its name is all "
                "that the file has. Import it from the program that made the model (lesson "
                "4).",
                some(own),
            )
        )
    kinds = {part.get("class_name") for part in parts(config)}
    functions = lambda_functions(config)
    description.facts["lambda_functions"] = functions
    named = [name for name in functions if name]
    if named:
        description.needs.append(
            say(
                "Trust: a Lambda layer calls the function {}, also in safe mode. A function of "
                "Keras can write files (keras.visualization, keras.utils).",
                some(named, 4),
            )
        )
    if "__lambda__" in kinds or "" in functions:
        description.facts["code_in_file"] = True
        description.needs.append(
            say(
                "A Lambda layer: a piece of Python that is in the file, and can do anything "
                "to your computer. Keras refuses it. Only if you wrote the file yourself, "
                "load it with safe_mode=False."
            )
        )
    if "TFSMLayer" in kinds:
        description.facts["code_in_file"] = True
        description.needs.append(
            say(
                "A SavedModel (TFSMLayer), which can write files when it is loaded. Keras "
                "refuses it. Only if you wrote the file yourself, load it with "
                "safe_mode=False."
            )
        )
    return own


def lambda_functions(config):
    """Return the names of the functions that Lambda layers call; "" for code in the file.

    One with ">" in its name is the reader's own, and registered; any other is of Keras.
    """
    found = []
    for part in parts(config):
        inner = part.get("config")
        if part.get("class_name") != "Lambda" or not isinstance(inner, dict):
            continue
        function = inner.get("function")
        if isinstance(function, dict) and function.get("class_name") == "function":
            found.append(shorten(function.get("config"), 60))
        elif isinstance(function, str) and inner.get("function_type") == "function":
            found.append(shorten(function, 60))
        else:
            found.append("")
    return found


def quantized(config):
    """Return how layers are quantized, "int8" say; None if none is."""
    for part in parts(config):
        kind, mark, _ = str(part.get("class_name")).partition("DTypePolicy")
        if mark and kind not in ("", "Float"):
            inner = part.get("config")
            mode = inner.get("mode") if isinstance(inner, dict) else None
            return shorten(mode or kind.lower(), 20)
    return None


def random_layers(config):
    """Return the names of the layers that draw random numbers."""
    names = []
    for part in parts(config):
        inner = part.get("config")
        if not isinstance(inner, dict) or "initializers" in str(part.get("module")):
            continue
        drops = inner.get("dropout") or inner.get("recurrent_dropout")
        if "name" in inner and (drops or RANDOM.match(str(part.get("class_name")))):
            names.append(str(inner["name"]))
    return list(dict.fromkeys(names))


def has_frozen_attention(config):
    """Return whether loading unfreezes layers, of which the optimizer has no state."""
    return any(
        part.get("class_name") in ATTENTION
        and isinstance(part.get("config"), dict)
        and part["config"].get("trainable") is False
        for part in parts(config)
    )


def input_shapes(model):
    """Return a list of (name, shape, dtype) of the inputs; [] if they are not in the file.

    They come in the order of `model.inputs`.
    """
    found, names = [], []
    for layer in layers_of(model):
        config = layer.get("config")
        if not isinstance(config, dict):
            continue
        shape = config.get("batch_shape", config.get("batch_input_shape"))
        if layer.get("class_name") == "InputLayer" or (not found and shape):
            names.append(config.get("name"))
            found.append((shape, config.get("dtype")))
        if model.get("class_name") == "Sequential":
            break
    order = [name for name in end_names(model) if name in names]
    if len(order) == len(names) > 1:
        found = [found[names.index(name)] for name in order]
        names = order
    if not found and isinstance(model.get("build_config"), dict):
        found.append((model["build_config"].get("input_shape"), None))
        names.append("x")
    result = []
    for name, (shape, dtype) in zip(names, found, strict=True):
        sizes = isinstance(shape, list) and shape
        if not sizes or not all(n is None or type(n) is int for n in shape):
            return []
        example = example_shape(shape)
        if example is None:
            return []
        kind = dtype if dtype in (*NUMBERS, "string") else "float32"
        result.append((str(name), example, kind))
    return result


def example_shape(sizes):
    """Return the shape of one example as text; None if it has too many numbers.

    Args:
        sizes: list of int, and None where any size will do: 1 for the batch, then 32, of
            images 224.
    """
    count = len(sizes)
    full = [
        open_size(n, count) if size is None else size for n, size in enumerate(sizes)
    ]
    return shape_text(full) if 0 < math.prod(full) < 10_000_000 else None


def open_size(place, count):
    """Return the size to take at one of `count` places in a shape."""
    return 1 if place == 0 else 224 if count == 4 else 32


def end_names(model, ends="input_layers"):
    """Return the names of the layers at a model's inputs, in their order, or outputs.

    Returns:
        list of str; [] if they are not in the file.
    """
    config = model.get("config")
    ends = config.get(ends) if isinstance(config, dict) else None
    if isinstance(ends, dict):  # Keras sorts the names of a dict
        ends = [ends[key] for key in sorted(ends)]
    if not isinstance(ends, list) or not ends:
        return []
    if isinstance(ends[0], str):
        ends = [ends]
    return [end[0] for end in ends if isinstance(end, list) and end]


def data_lines(model):
    """Return lines of Python that make a batch `x` of zeros, an array for each input.

    They are in a dict if the model was made with one, else in the order of its inputs.
    """
    shapes, arrays = input_shapes(model), []
    for _, shape, dtype in shapes:
        if dtype == "string":
            arrays.append(f'tf.fill({shape}, "text")')
        else:
            arrays.append(f'np.zeros({shape}, "{dtype}")')
    if not arrays:
        return []
    texts = any(dtype == "string" for *_, dtype in shapes)
    imports = (
        "import numpy as np; import tensorflow as tf" if texts else "import numpy as np"
    )
    config = model.get("config")
    keys = config.get("input_layers") if isinstance(config, dict) else None
    if isinstance(keys, dict):
        entries = zip(sorted(keys), arrays, strict=False)
        entries = ", ".join(f"{literal(key)}: {array}" for key, array in entries)
        return [imports, say("{}  # your data", f"x = {{{entries}}}")]
    if len(arrays) == 1:
        return [imports, say("{}  # your data", f"x = {arrays[0]}")]
    names = ", ".join(shorten(printable(name), 40) for name, _, _ in shapes)
    return [
        imports,
        say("{}  # your data: {}", f"x = [{', '.join(arrays)}]", names),
    ]


def named_data_lines(inputs):
    """Return lines of Python that make a dict `data` of zeros, an array for each input.

    Args:
        inputs: list of (name, shape as text or None, dtype).

    Returns:
        list of str; [] where an input's shape or dtype is not clear.
    """
    entries = []
    for name, shape, dtype in inputs:
        if (
            shape is None
            or dtype not in (*NUMBERS, "string")
            or len(name) > MOST_LETTERS
        ):
            return []
        value = f'np.zeros({shape}, "{dtype}")'
        if dtype == "string":
            value = f'np.full({shape}, "text")'
        entries.append(f"{literal(name)}: {value}")
    if len(entries) == 1:
        dictionary = [say("{}  # your data", f"data = {{{entries[0]}}}")]
    else:
        dictionary = [say("# Your data:"), "data = {"]
        dictionary += [*(f"    {entry}," for entry in entries), "}"]
    return ["import numpy as np", *dictionary]


def load_lines(path, own, model, more="", then=()):
    """Return the lines that load a whole model, and predict with it.

    Args:
        path: of the file.
        own: list of str, the names of the reader's own classes and functions.
        model: dict, its configuration.
        more: more arguments of load_model.
        then: lines to type after the model is loaded.
    """
    # The file may be somebody else's: what is no name in Python does not get into a line.
    own = [name for name in own if name.isidentifier() and name.isascii()]
    data = data_lines(model)
    lines = ["import keras", *data[:1], *own_lines(own)]
    arguments = more + (", custom_objects=own" if own else "")
    if "safe_mode" in arguments:
        lines.append(
            say("# Only if you wrote the file yourself: this runs the code in it.")
        )
    lines += [f"model = keras.models.load_model({quoted(path)}{arguments})", *then]
    return lines + ([*data[1:], "predictions = model.predict(x)"] if data else [])


def compile_lines(model):
    """Return the lines that compile a model which never was: its outputs hint at a loss."""
    layers = {str(layer_row(layer)["name"]): layer for layer in layers_of(model)}
    last = end_names(model, "output_layers") or list(layers)[-1:]
    ends = [layers[name].get("config") for name in last if name in layers]
    activations = {str(end.get("activation")) for end in ends if isinstance(end, dict)}
    hint = activations.pop() if len(activations) == 1 else ""
    return [COMPILE.get(hint, COMPILE["linear"])]


def own_lines(own):
    """Return the lines that import the reader's own classes and put them into `own`."""
    own = [name for name in own if name.isidentifier() and name.isascii()]
    if not own:
        return []
    entries = ", ".join(f'"{name}": {name}' for name in own)
    return [
        say("{}  # your own file", f"from {OWN_CODE} import {', '.join(own)}"),
        f"own = {{{entries}}}",
    ]


def weights_lines(path, build_optimizer):
    """Return the lines that load weights into a model that the reader's program builds."""
    lines = build_lines()
    if build_optimizer:
        lines.append("model.optimizer.build(model.trainable_variables)")
    return [*lines, f"model.load_weights({quoted(path)})"]


def convert_lines():
    """Return a comment for a file that can continue training when it is converted."""
    return [say("# To continue training: this command again, with --convert NEW.keras")]


def say_keras_2(description, path, config):
    """Say what a whole model of Keras 2 needs and can, and which lines load it."""
    own = add_needs(description, config)
    description.needs.append(
        say(
            "The package tf_keras, which is Keras 2: Keras 3 loads only some of its files."
        )
    )
    if description.facts.get("code_in_file"):
        description.can.append(
            say(
                "Not be converted: tf_keras loads it, with safe_mode=False, if you trust it."
            )
        )
        return
    description.can.append(say("Predict, after it is converted: see the lines below."))
    if (
        description.facts.get("optimizer_state")
        and description.facts.get("optimizer") == "Nadam"
    ):
        description.can.append(
            say(
                "Continue training with a fresh optimizer: Keras 3 takes other steps with {}, so "
                "--convert wants --no-training.",
                "Nadam",
            )
        )
    elif description.facts.get("optimizer_state"):
        description.can.append(
            say("Continue training where it stopped, after it is converted.")
        )
    elif "optimizer" in description.facts:
        description.can.append(say("Continue training, with a fresh optimizer."))
    else:
        description.can.append(say("Continue training, after model.compile(...)."))
    objects = ", custom_objects=own, old_objects=old" if own else ""
    data = data_lines(config)
    lines = ["from modelfile import keras2", *data[:1], *own_lines(own)]
    if own:
        lines.append(say("{}  # the same classes for tf_keras", "old = {...}"))
    lines.append(f"model = keras2.convert({quoted(path)}{objects})")
    lines += [*data[1:], "predictions = model.predict(x)"] if data else []
    if "loss" not in description.facts:
        lines += compile_lines(config)
    description.code = [
        *lines,
        say(
            "# Or, to have a file of Keras 3: this command again, with --convert NEW.keras"
        ),
    ]


def build_lines(compiled=True):
    """Return the lines that build a model in the reader's own program."""
    line = f"from {OWN_CODE} import build_model"
    own = say("{}  # your own: it builds and compiles the model", line)
    if not compiled:
        own = say("{}  # your own: it does not compile the model", line)
    return [own, "model = build_model()"]
