"""Experiment: what did the video's sentences really do in 2020?

The video of 2020 says what its files keep. This tries each sentence with the TensorFlow
of that year. It runs on TensorFlow 2.3.0 alone, which still installs on Python 3.8:

    python3.8 -m venv old
    old/bin/python -m pip install "tensorflow==2.3.0" "protobuf<3.21"
    old/bin/python -m experiments.video_claims

It uses nothing of this project but datasets/mnist.npz: the rest needs Keras 3.
"""

import argparse
import os
import sys
import tempfile
import textwrap
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

NEEDED = "2.3.0"
MNIST = Path(__file__).resolve().parent.parent / "datasets" / "mnist.npz"
KINDS = ["sequential", "functional", "subclassed"]


def require_tensorflow_of_2020():
    """Leave with one sentence on any other TensorFlow."""
    try:
        found = "TensorFlow " + version("tensorflow")
    except PackageNotFoundError:
        found = "no TensorFlow"
    if found != "TensorFlow " + NEEDED:
        sys.exit(
            f"This experiment needs TensorFlow {NEEDED} of 2020, and this Python has "
            f"{found}; its first lines say how to install it, and what it printed is in "
            "output/video_claims.txt."
        )


def images_and_labels():
    """Return the first 32,000 training images of MNIST: float32 (n, 784), uint8 (n,)."""
    with np.load(MNIST) as mnist:
        images = mnist["x_train"][:32000].reshape(-1, 784).astype("float32")
        return images / np.float32(255), mnist["y_train"][:32000]


def build(kind, compiled=True):
    """Return the video's classifier; `kind` is one of KINDS."""
    if kind == "sequential":
        hidden = keras.layers.Dense(64, activation="relu", input_shape=(784,))
        model = keras.Sequential([hidden, keras.layers.Dense(10)])
    elif kind == "functional":
        inputs = keras.Input(shape=(784,))
        hidden = keras.layers.Dense(64, activation="relu")(inputs)
        model = keras.Model(inputs, keras.layers.Dense(10)(hidden))
    else:
        model = make_subclass()()
    if compiled:
        model.compile(
            optimizer=keras.optimizers.Adam(),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
    return model


def make_subclass():
    """Return the video's class, which has no `get_config` and no `from_config`."""

    class MyModel(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense1 = keras.layers.Dense(64, activation="relu")
            self.dense2 = keras.layers.Dense(10)

        def call(self, inputs):
            return self.dense2(self.dense1(inputs))

    return MyModel


def with_both_methods():
    """Return the video's class with `get_config` and `from_config`."""

    class WithBoth(make_subclass()):
        def get_config(self):
            return {}

        @classmethod
        def from_config(cls, config):
            return cls()

    return WithBoth


def fit(model, data):
    """Train for one epoch of 1,000 batches, always in the same order."""
    model.fit(*data, shuffle=False, verbose=0)


def name_of(error):
    """Return the kind of an error and the beginning of what it says, in one line."""
    text = textwrap.shorten(str(error), 60, placeholder=" ...")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def resumed(model, data, went_on):
    """Train on, and say how far the weights are from those of the uninterrupted run."""
    fit(model, data)
    pairs = zip(model.get_weights(), went_on)
    difference = max(float(abs(a - b).max()) for a, b in pairs)
    if difference == 0:
        return "continues as if never interrupted: Adam's state is kept"
    return f"weights differ by up to {difference:.3f}: Adam starts afresh"


def show(question, rows):
    """Print a question and the answer for each kind of model."""
    print(f"\n{question}\n")
    for name, answer in rows:
        print(f"   {name:28} {answer}")


def save_all(folder, data):
    """Train and save a classifier of each kind. Return their predictions and later weights."""
    images = data[0]
    predictions = {}
    went_on = {}
    for kind in KINDS:
        tf.random.set_seed(1)
        model = build(kind)
        fit(model, data)
        model.save_weights(f"{folder}/{kind}/weights/")
        model.save(f"{folder}/{kind}/model/")
        if kind != "subclassed":
            model.save(f"{folder}/{kind}/model.h5")
        predictions[kind] = model.predict(images[:100])
        fit(model, data)
        went_on[kind] = model.get_weights()
    return predictions, went_on


def resume_from_weights(folder, data, went_on):
    """Load a folder of weights into a compiled model, and train on. Return rows to print."""
    rows = []
    for kind in KINDS:
        model = build(kind)
        model.load_weights(f"{folder}/{kind}/weights/")
        rows.append((kind, resumed(model, data, went_on[kind])))
    return rows


def resume_from_models(folder, data, went_on):
    """Load a folder of a whole model, and train on. Return rows to print."""
    rows = []
    for kind in KINDS:
        model = keras.models.load_model(f"{folder}/{kind}/model/")
        rows.append((kind, resumed(model, data, went_on[kind])))
    return rows


def outcome(model, weights, images, wanted):
    """Load a folder of weights into a model, and say what it predicts."""
    model.predict(images[:1])
    try:
        model.load_weights(weights)
    except AssertionError as error:
        return name_of(error)
    if np.array_equal(model.predict(images[:100]), wanted):
        return "same predictions"
    return "other predictions, no error"


def exchange_weights(folder, data, predictions):
    """Load each kind's folder of weights into each kind of model. Return rows to print."""
    rows = []
    for kind in KINDS:
        for target in KINDS:
            weights = f"{folder}/{kind}/weights/"
            for compiled in True, False:
                model = build(target, compiled)
                answer = outcome(model, weights, data[0], predictions[kind])
                name = f"{kind} into {target}" if compiled else "   not compiled"
                rows.append((name, answer))
    return rows


def h5_files(folder, data, predictions, went_on):
    """Save and load .h5 files; subclassed: without and with both methods. Return rows."""
    rows = []
    for kind in "sequential", "functional":
        model = keras.models.load_model(f"{folder}/{kind}/model.h5")
        rows.append((kind, resumed(model, data, went_on[kind])))
    model = build("subclassed")
    model.predict(data[0][:1])
    try:
        model.save(f"{folder}/subclassed.h5")
        rows.append(("subclassed", "saved"))
    except NotImplementedError as error:
        rows.append(("subclassed", name_of(error)))
    cls = with_both_methods()
    model = cls()
    model.predict(data[0][:1])
    try:
        model.save(f"{folder}/both.h5")
        custom_objects = {"WithBoth": cls}
        keras.models.load_model(f"{folder}/both.h5", custom_objects=custom_objects)
        rows.append(("with the two methods", "saved and loaded"))
    except (NotImplementedError, ValueError) as error:
        rows.append(("with the two methods", name_of(error)))
    return rows


def other_programs(folder):
    """Give the folder of a whole model to TensorFlow Lite, and list it. Return rows to print."""
    rows = []
    try:
        tf.lite.Interpreter(f"{folder}/sequential/model/saved_model.pb")
        rows.append(("TensorFlow Lite", "loads it"))
    except ValueError as error:
        rows.append(("TensorFlow Lite", name_of(error)))
    converter = tf.lite.TFLiteConverter.from_saved_model(f"{folder}/sequential/model/")
    size = len(converter.convert())
    rows.append(("TensorFlow Lite, converted", f"loads the {size:,} bytes"))
    names = sorted(path.name for path in Path(folder, "sequential/model").iterdir())
    rows.append(("TensorFlow.js", f"reads model.json; here are {', '.join(names)}"))
    return rows


def main():
    global keras, np, tf
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.parse_args()
    require_tensorflow_of_2020()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import numpy as np
    import tensorflow as tf
    from tensorflow import keras

    tf.get_logger().setLevel("ERROR")
    print(f"{__doc__.splitlines()[0]}\nTensorFlow {tf.__version__}")
    data = images_and_labels()
    with tempfile.TemporaryDirectory() as folder:
        predictions, went_on = save_all(folder, data)
        show(
            '"Weights alone reset the optimizer." save_weights("weights/"):',
            resume_from_weights(folder, data, went_on),
        )
        show(
            '"Weights cannot be exchanged between the three kinds." load_weights:',
            exchange_weights(folder, data, predictions),
        )
        show(
            '"The model folder keeps the optimizer, for all kinds." save("model/"):',
            resume_from_models(folder, data, went_on),
        )
        show(
            '".h5 needs get_config and from_config." save("model.h5"):',
            h5_files(folder, data, predictions, went_on),
        )
        show(
            '"A saved model loads in Lite and js without conversion."',
            other_programs(folder),
        )


if __name__ == "__main__":
    main()
