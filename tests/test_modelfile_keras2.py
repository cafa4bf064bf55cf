"""modelfile.keras2: real files of Keras 2, their predictions, and how their training continues.

Of TensorFlow 2.3: datasets/keras2. What is newer is written here by tf_keras 2.21, in a
process of its own. By hand, the same models were also tried with files of TensorFlow 2.0,
2.8, 2.12 and 2.15: the differences were as here.
"""

import json
import os
import shutil
import subprocess
import sys

import lesson
import data
import models
from modelfile import keras2

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

PROGRAM = """
import os
import numpy as np, tensorflow as tf
keras = tf.keras
layers, legacy = keras.layers, keras.optimizers.legacy
assert keras.Model.__module__.startswith("tf_keras")

def cnn():
    # No bias before BatchNormalization: its gradient is nothing but rounding errors, which
    # Adam makes as large as any other.
    return keras.Sequential([layers.Conv2D(4, 3, use_bias=False, input_shape=(8, 8, 1)),
        layers.BatchNormalization(), layers.LeakyReLU(0.2), layers.Flatten(), layers.Dense(3)])

def nested():
    # The sequential model is called twice, the inner functional one on its output.
    once, twice, inside = keras.Input((6,)), keras.Input((6,)), keras.Input((6,))
    shared = keras.Sequential([layers.Dense(8, "relu", input_shape=(6,)), layers.Dense(6)])
    inner = keras.Model(inside, layers.Dense(6, "tanh")(inside))
    joined = layers.Concatenate()([inner(shared(once)), shared(twice)])
    return keras.Model([once, twice], layers.Dense(3)(joined))

def recurrent():
    return keras.Sequential([layers.Bidirectional(layers.LSTM(3, return_sequences=True),
        input_shape=(5, 2)), layers.GRU(4), layers.Dense(3)])

random = np.random.default_rng(1)
for name, build, optimizer in [
    ("cnn_adam", cnn, keras.optimizers.Adam(0.003)),
    ("cnn_sgd", cnn, keras.optimizers.SGD(0.01, momentum=0.9)),
    ("cnn_old_rmsprop", cnn, legacy.RMSprop(0.001, momentum=0.5, centered=True)),
    ("nested_old_adam", nested, legacy.Adam()),
    ("recurrent_rmsprop", recurrent, keras.optimizers.RMSprop()),
    ("nested_old_sgd", nested, legacy.SGD(0.01, momentum=0.9, nesterov=True)),
]:
    keras.utils.set_random_seed(1)
    model = build()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
    x = [random.random((64, *i.shape[1:]), "float32") for i in model.inputs]
    y = random.integers(0, 3, 64)
    model.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    os.mkdir(name)
    model.save(name + "/model.h5")
    if build is not recurrent:  # it takes long
        model.save(name + "/model")
    model.save_weights(name + "/weights/")
    arrays = {f"x{i}": array for i, array in enumerate(x)}
    arrays["predictions"] = model.predict(x, verbose=0)
    model.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    weights = {f"w{i}": weight for i, weight in enumerate(model.get_weights())}
    np.savez(name + "/reference.npz", y=y, **arrays, **weights)

class Own(layers.Layer):
    def call(self, x):
        return 2 * x

inputs = keras.Input((6,))
for name, layer in [("own", Own()), ("lambda", layers.Lambda(lambda x: 2 * x)),
    ("operator", lambda x: x / 2.0), ("sigmoid", layers.Activation("hard_sigmoid"))]:
    keras.Model(inputs, layer(inputs)).save(name + ".h5")
model = keras.Sequential([layers.Dense(2, input_shape=(6,))])
model.compile("adamax", "mse")
model.save("adamax.h5")
model.compile("sgd", "mse")
model.save("never_trained.h5")
model.compile(legacy.RMSprop(), "mse")
model.train_on_batch(np.ones((1, 6)), np.ones((1, 2)))
model.save("old_rmsprop.h5")
module = tf.Module()
module.f = tf.function(lambda x: x, input_signature=[tf.TensorSpec([None])])
tf.saved_model.save(module, "module")
"""
NAMES = [
    "cnn_adam",
    "cnn_sgd",
    "cnn_old_rmsprop",
    "nested_old_adam",
    "nested_old_sgd",
    "recurrent_rmsprop",
]


@pytest.fixture(scope="module")
def newer(tmp_path_factory):
    """A folder with what Keras 2.21 writes, and what it got itself."""
    folder = tmp_path_factory.mktemp("keras_2")
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1"}
    command = [sys.executable, "-c", PROGRAM]
    finished = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return folder


class Subclassed(keras.Model):
    """The video's subclassed model, with the names that its file has."""

    def __init__(self):
        super().__init__()
        self.dense1 = keras.layers.Dense(64, activation="relu")
        self.dense2 = keras.layers.Dense(10)

    def call(self, inputs):
        return self.dense2(self.dense1(inputs))


def subclassed():
    model = models.compile(Subclassed())
    model(np.zeros((1, 784), "float32"))
    return model


# TensorFlow 2.3


@pytest.mark.parametrize(
    "name, build",
    [
        ("sequential/model", None),
        ("sequential/model.h5", None),
        ("sequential/weights", models.build_and_compile),
        ("functional/model.h5", None),
        ("subclassed/weights", subclassed),
        ("subclassed/model", subclassed),
    ],
)
def test_a_file_of_2020_predicts_and_continues_as_tensorflow_2_3_did(
    name, build, mnist
):
    (x_train, y_train), (x_test, _) = mnist
    reference = np.load(data.keras2_file(f"{name.split('/')[0]}/reference.npz"))
    model = keras2.convert(data.keras2_file(name), build and build())
    assert model.optimizer.iterations == 3750
    logits = model.predict(x_test[:100], verbose=0)
    assert np.abs(logits - reference["logits"]).max() < 1e-5
    model.fit(x_train[:6400], y_train[:6400], shuffle=False, verbose=0)
    went_on = [reference[f"w{i}"] for i in range(4)]
    # Rounding, 200 times: seen 2.4e-7. Without Adam's state: 0.089.
    assert lesson.largest_difference(model.get_weights(), went_on) < 1e-5


def test_without_adams_state_a_file_of_2020_takes_another_path(mnist):
    (x_train, y_train), _ = mnist
    reference = np.load(data.keras2_file("sequential/reference.npz"))
    model = keras2.convert(data.keras2_file("sequential/model"))
    models.compile(model)
    model.fit(x_train[:6400], y_train[:6400], shuffle=False, verbose=0)
    assert np.abs(model.get_weights()[0] - reference["w0"]).max() > 0.05


def test_a_checkpoint_of_keras_2_loads_nothing_into_keras_3_without_help():
    model = models.sequential()
    before = model.get_weights()
    checkpoint = str(data.keras2_file("subclassed/weights")) + "/"
    status = tf.train.Checkpoint(model=model).read(checkpoint)
    assert lesson.largest_difference(model.get_weights(), before) == 0
    with pytest.raises(AssertionError, match="not bound to checkpointed values"):
        status.assert_existing_objects_matched()
    status.expect_partial()


def test_a_saved_model_of_keras_2_is_refused_but_its_graph_can_be_read(mnist):
    _, (x_test, _) = mnist
    path = data.keras2_file("subclassed/model")
    with pytest.raises(ValueError, match="File format not supported"):
        keras.models.load_model(path)
    wanted = np.load(data.keras2_file("subclassed/reference.npz"))["logits"]
    loaded = tf.saved_model.load(path)
    assert np.allclose(loaded(x_test[:100]), wanted, atol=1e-4)
    layer = keras.layers.TFSMLayer(path, call_endpoint="serving_default")
    (output,) = layer(x_test[:100]).values()
    assert np.allclose(output, wanted, atol=1e-4)


# Later versions


@pytest.mark.parametrize(
    "name, kind",
    [
        *((name, "model") for name in NAMES[:-1]),
        *((name, "model.h5") for name in NAMES),
        *((name, "weights") for name in NAMES[:-1]),
    ],
)
def test_a_newer_file_predicts_and_continues_as_its_own_keras_did(newer, name, kind):
    reference = np.load(newer / name / "reference.npz")
    inputs = [reference[key] for key in sorted(reference) if key.startswith("x")]
    x = inputs[0] if len(inputs) == 1 else inputs
    model = None
    if kind == "weights":  # built and compiled with today's Keras
        trained = keras2.convert(newer / name / "model.h5")
        model = keras.models.clone_model(trained)
        config = trained.optimizer.get_config()
        optimizer = type(trained.optimizer).from_config(config)
        model.compile(optimizer=optimizer, loss=trained.loss)
    model = keras2.convert(newer / name / kind, model)
    predictions = model.predict(x, verbose=0)
    assert np.abs(predictions - reference["predictions"]).max() < 1e-5
    model.fit(x, reference["y"], batch_size=8, shuffle=False, verbose=0)
    went_on = [reference[f"w{i}"] for i in range(len(model.weights))]
    # Rounding, and the two versions add up in another order. A state of zeros: see below.
    assert lesson.largest_difference(model.get_weights(), went_on) < 1e-4


@pytest.mark.parametrize("name", NAMES[:4])
def test_the_tolerance_notices_an_optimizer_without_its_state(newer, name):
    reference = np.load(newer / name / "reference.npz")
    inputs = [reference[key] for key in sorted(reference) if key.startswith("x")]
    model = keras2.convert(newer / name / "model.h5")
    for variable in model.optimizer.variables[2:]:
        variable.assign(0 * variable)
    x = inputs[0] if len(inputs) == 1 else inputs
    model.fit(x, reference["y"], batch_size=8, shuffle=False, verbose=0)
    went_on = [reference[f"w{i}"] for i in range(len(model.weights))]
    assert lesson.largest_difference(model.get_weights(), went_on) > 1e-3


def test_what_was_never_trained_is_compiled_with_a_fresh_optimizer(newer):
    model = keras2.convert(newer / "never_trained.h5")
    assert model.optimizer.iterations == 0
    assert model.loss == "mean_squared_error"


def test_an_optimizer_that_computes_otherwise_today_is_named(newer):
    model, proven = keras2.convert_and_prove(newer / "old_rmsprop.h5")
    assert "adds epsilon after the square root" in proven[-1]
    assert model.optimizer.iterations == 1


# What cannot be converted


@pytest.mark.parametrize(
    "name, message",
    [
        ("own.h5", "does not load it: Unknown layer: .*Own"),
        ("lambda.h5", "does not load it: .*Lambda"),
        ("module", "without a model of Keras 2.*TFSMLayer"),
        ("cnn_adam/weights", "has weights and no model in it.*Build the model"),
    ],
)
def test_what_cannot_be_converted_is_named_with_what_to_do(newer, name, message):
    with pytest.raises(ValueError, match=message):
        keras2.convert(newer / name)


def test_a_subclassed_model_is_named_with_what_to_do():
    with pytest.raises(
        ValueError, match=r"a class of its own, MyModel.*Build the model"
    ):
        keras2.convert(data.keras2_file("subclassed/model"))


def test_a_class_of_ones_own_can_be_given(newer):
    class Own(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    old_class = type("Own", (tf_keras.layers.Layer,), {"call": lambda self, x: 2 * x})
    path = newer / "own.h5"
    with pytest.raises(ValueError, match=r"is a Own, your own class.* custom_objects="):
        keras2.convert(path, old_objects={"Own": old_class})
    model = keras2.convert(path, None, {"Own": Own}, {"Own": old_class})
    assert np.array_equal(model(np.ones((1, 6))), 2 * np.ones((1, 6)))


def test_another_model_or_optimizer_is_refused():
    path = data.keras2_file("sequential/weights")
    with pytest.raises(ValueError, match=r"has the shape .*Build the model as it was"):
        keras2.convert(path, models.sequential(units=32))
    model = models.sequential()
    model.compile(optimizer="sgd", loss="mse")
    with pytest.raises(ValueError, match="state of another optimizer than SGD"):
        keras2.convert(path, model)


def test_a_conversion_that_predicts_otherwise_is_not_returned(tmp_path):
    # The activation is changed in the description, and not in the graph.
    path = tmp_path / "model"
    shutil.copytree(data.keras2_file("sequential/model"), path)
    content = (path / "saved_model.pb").read_bytes()
    changed = content.replace(b'"activation": "relu"', b'"activation": "selu"')
    assert changed != content
    (path / "saved_model.pb").write_bytes(changed)
    with pytest.raises(ValueError, match="predicts something else than its own graph"):
        keras2.convert(path)


# Damaged, empty, wrong


@pytest.mark.parametrize(
    "name, file",
    [
        ("sequential/model.h5", "."),
        ("sequential/model", "saved_model.pb"),
        ("sequential/model", "variables/variables.index"),
        ("sequential/model", "variables/variables.data-00000-of-00001"),
        ("sequential/weights", ".data-00000-of-00001"),
    ],
)
def test_a_file_that_is_cut_short_is_called_damaged(tmp_path, name, file):
    original = data.keras2_file(name)
    path = tmp_path / original.name
    (shutil.copytree if original.is_dir() else shutil.copy)(original, path)
    damaged = path / file
    damaged.write_bytes(damaged.read_bytes()[:600])
    model = models.build_and_compile() if "weights" in name else None
    with pytest.raises(ValueError, match=r"damaged|no file of Keras 2"):
        keras2.convert(path, model)


def test_what_is_no_file_of_keras_2_gets_one_sentence(tmp_path):
    (tmp_path / "page.h5").write_text("<!DOCTYPE html>")
    models.build_and_compile().save(tmp_path / "today.keras")
    (tmp_path / "empty").mkdir()
    for name in "page.h5", "today.keras", "empty", "not there":
        with pytest.raises(ValueError, match="is no file of Keras 2"):
            keras2.convert(tmp_path / name)


def test_a_setting_that_keras_3_does_not_have_is_named(newer, tmp_path):
    path = shutil.copy(newer / "recurrent_rmsprop/model.h5", tmp_path)
    with h5py.File(path, "a") as file:
        config = json.loads(file.attrs["model_config"])
        text = json.dumps(config).replace('"time_major": false', '"time_major": true')
        file.attrs["model_config"] = text
    with pytest.raises(ValueError, match="setting time_major=True, which Keras 3"):
        keras2.convert(path)
