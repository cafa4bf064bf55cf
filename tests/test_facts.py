"""The facts that the lessons rest on, each seen on the pinned versions.

Resuming: train on 500 batches, save, load, train on the same 500 batches again, and compare
with a run that was never interrupted.
"""

import json
import subprocess
import sys
import warnings
import zipfile

import lesson
import data
import models

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT


def fit(model, batches):
    model.fit(*batches, shuffle=False, verbose=0)


@pytest.fixture(scope="module")
def saved(tmp_path_factory, few):
    """A folder with a trained model in each format, and the weights 500 batches later."""
    folder = tmp_path_factory.mktemp("saved")
    keras.utils.set_random_seed(1)
    model = models.compile_classifier(models.sequential())
    fit(model, few)
    model.save(folder / "m.keras")
    model.save_weights(folder / "m.weights.h5")
    model.save(folder / "m.h5")
    fit(model, few)
    return folder, model.get_weights()


@pytest.fixture
def distance(saved, few):
    """Return a function: train a model, and tell how far it is from the uninterrupted run."""

    def train(model):
        fit(model, few)
        return lesson.largest_difference(model.get_weights(), saved[1])

    return train


# Resuming


def test_keras_file_then_fit_resumes_to_the_last_bit(saved, distance):
    assert distance(keras.models.load_model(saved[0] / "m.keras")) == 0


def test_weights_file_into_a_compiled_model_skips_adam_with_a_warning(saved, distance):
    model = models.compile_classifier(models.sequential())
    with pytest.warns(
        UserWarning, match="Skipping variable loading for optimizer 'adam"
    ):
        model.load_weights(saved[0] / "m.weights.h5")
    assert distance(model) > 0.05


def test_weights_file_after_optimizer_build_resumes_to_the_last_bit(saved, distance):
    model = models.compile_classifier(models.sequential())
    model.optimizer.build(model.trainable_variables)
    with warnings.catch_warnings(action="error"):
        model.load_weights(saved[0] / "m.weights.h5")
    assert distance(model) == 0


def test_h5_file_then_fit_fails_because_the_optimizer_was_built_for_no_variables(
    saved, few
):
    model = keras.models.load_model(saved[0] / "m.h5")
    names = [variable.name for variable in model.optimizer.variables]
    assert names == ["iteration", "learning_rate"]
    assert model.optimizer.iterations.numpy() == 500
    with pytest.raises(ValueError, match=r"Unknown variable: .* originally built with"):
        fit(model, few)


def test_h5_file_then_compile_again_starts_with_a_fresh_adam(saved, distance):
    model = keras.models.load_model(saved[0] / "m.h5")
    assert distance(models.compile_classifier(model)) > 0.05


def test_h5_file_holds_the_whole_optimizer_state(saved, distance):
    model = models.compile_classifier(keras.models.load_model(saved[0] / "m.h5"))
    model.optimizer.build(model.trainable_variables)
    with h5py.File(saved[0] / "m.h5") as file:
        group = file["optimizer_weights"]
        for variable, name in zip(
            model.optimizer.variables, group.attrs["weight_names"], strict=True
        ):
            variable.assign(group[name][()])
    assert distance(model) == 0


def test_one_fit_of_two_epochs_equals_two_fits_of_one(saved, few):
    keras.utils.set_random_seed(1)
    model = models.compile_classifier(models.sequential())
    model.fit(*few, epochs=2, shuffle=False, verbose=0)
    assert lesson.largest_difference(model.get_weights(), saved[1]) == 0


# Weights


def test_a_subclassed_model_without_a_build_method_loads_nothing_without_an_error(
    saved,
):
    class NoBuild(models.Classifier):
        build = keras.Model.build

    model = NoBuild()
    with pytest.warns(UserWarning, match=r"does not have a `build\(\)` method"):
        model.build((None, 784))
    assert model.variables == []
    model.load_weights(saved[0] / "m.weights.h5")
    x = np.ones((1, 784), "float32")
    wanted = keras.models.load_model(saved[0] / "m.keras")(x)
    assert not np.allclose(model(x), wanted)


def test_a_subclassed_models_file_loads_elsewhere_if_attributes_sort_after_layers(
    tmp_path,
):
    # A layer is saved under the first name that leads to it, in alphabetical order:
    # `hidden` comes before `layers`, `my_hidden` does not.
    class Renamed(keras.Model):
        def __init__(self):
            super().__init__()
            self.my_hidden = keras.layers.Dense(64, activation="relu")
            self.my_logits = keras.layers.Dense(10)

        def build(self, input_shape):
            self.my_hidden.build(input_shape)
            self.my_logits.build((None, 64))
            super().build(input_shape)

    renamed = Renamed()
    renamed.build((None, 784))
    renamed.save_weights(tmp_path / "renamed.weights.h5")
    models.subclassed().save_weights(tmp_path / "m.weights.h5")
    model = models.sequential()
    model.load_weights(tmp_path / "renamed.weights.h5")
    assert lesson.largest_difference(model.get_weights(), renamed.get_weights()) == 0
    with pytest.raises(ValueError, match="could not be loaded"):
        model.load_weights(tmp_path / "m.weights.h5")


def test_a_checkpoint_of_keras_2_loads_nothing_into_keras_3(keras_2, mnist):
    model = models.sequential()
    before = model.get_weights()
    status = tf.train.Checkpoint(model=model).read(str(keras_2 / "weights") + "/")
    assert lesson.largest_difference(model.get_weights(), before) == 0
    with pytest.raises(AssertionError, match="not bound to checkpointed values"):
        status.assert_existing_objects_matched()
    status.expect_partial()


# Whole models


def test_a_registered_class_loads_from_a_keras_file_by_itself(tmp_path):
    model = models.subclassed()
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert lesson.largest_difference(loaded.get_weights(), model.get_weights()) == 0


def test_a_registered_class_does_not_load_from_an_h5_file_by_itself(tmp_path):
    models.subclassed().save(tmp_path / "m.h5")
    with pytest.raises(ValueError, match="Unknown layer: 'Classifier'"):
        keras.models.load_model(tmp_path / "m.h5", compile=False)


def test_without_get_config_a_subclassed_model_comes_back_with_its_defaults(tmp_path):
    # The constructor's argument is lost, silently: equal weights, other predictions.
    class Activated(keras.Model):
        def __init__(self, activation="relu", **kwargs):
            super().__init__(**kwargs)
            self.dense = keras.layers.Dense(10, activation=activation)

        def build(self, input_shape):
            self.dense.build(input_shape)
            super().build(input_shape)

        def call(self, inputs):
            return self.dense(inputs)

    model = Activated(activation="tanh")
    x = np.random.default_rng(0).normal(size=(5, 784)).astype("float32")
    wanted = model(x)
    model.save(tmp_path / "m.keras")
    custom_objects = {"Activated": Activated}
    loaded = keras.models.load_model(
        tmp_path / "m.keras", custom_objects=custom_objects
    )
    assert loaded.get_config()["activation"] == "relu"
    assert lesson.largest_difference(loaded.get_weights(), model.get_weights()) == 0
    assert not np.allclose(loaded(x), wanted)


def test_saving_as_h5_first_makes_the_keras_file_forget_the_optimizer(tmp_path, few):
    model = models.compile_classifier(models.sequential())
    fit(model, few)
    model.save(tmp_path / "before.keras")
    model.save(tmp_path / "m.h5")
    model.save(tmp_path / "after.keras")
    kept = []
    for name in ("before.keras", "after.keras"):
        with zipfile.ZipFile(tmp_path / name) as archive:
            config = json.loads(archive.read("config.json"))
            kept.append("optimizer" in config["compile_config"])
    assert kept == [True, False]
    with pytest.warns(
        UserWarning, match="Skipping variable loading for optimizer 'rm_sprop'"
    ):
        loaded = keras.models.load_model(tmp_path / "after.keras")
    assert type(loaded.optimizer).__name__ == "RMSprop"


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_lambda_layer_is_refused_unless_safe_mode_is_off(tmp_path, suffix):
    layers = [keras.Input(shape=(2,)), keras.layers.Lambda(lambda x: 2 * x)]
    keras.Sequential(layers).save(tmp_path / f"m{suffix}")
    with pytest.raises(ValueError, match="arbitrary code execution"):
        keras.models.load_model(tmp_path / f"m{suffix}")
    loaded = keras.models.load_model(tmp_path / f"m{suffix}", safe_mode=False)
    assert np.array_equal(loaded(np.ones((1, 2))), [[2, 2]])


# Files of Keras 2


@pytest.fixture(scope="module")
def keras_2(tmp_path_factory):
    """A folder with what real Keras 2 writes, and what it predicts."""
    folder = tmp_path_factory.mktemp("keras_2")
    program = """
import os
os.environ["TF_USE_LEGACY_KERAS"] = "1"
import data, numpy as np, tensorflow as tf
keras = tf.keras
(x_train, y_train), (x_test, y_test) = data.load_mnist(16000)
for name, adam in (("new", keras.optimizers.Adam), ("old", keras.optimizers.legacy.Adam)):
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.layers.Dense(64, activation="relu", input_shape=(784,)), keras.layers.Dense(10)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(loss=loss, optimizer=adam(), metrics=["accuracy"])
    model.fit(x_train, y_train, shuffle=False, verbose=0)
    model.save(name + ".h5")
    np.save(name + ".npy", model.predict(x_test, batch_size=1000, verbose=0))
    if name == "new":
        model.save("folder")
        model.save_weights("weights/")
    model.fit(x_train, y_train, shuffle=False, verbose=0)
    np.savez(name + ".npz", *model.get_weights())
"""
    subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{program}",
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder


def resume_keras_2(path):
    """Load an .h5 file of Keras 2 with Adam's state, as lesson 6 does."""
    model = keras.models.load_model(path, compile=False)
    models.compile_classifier(model)
    model.optimizer.build(model.trainable_variables)
    with h5py.File(path) as file:
        state = file["optimizer_weights"]
        names = list(state.attrs["weight_names"])
        values = [state[name][()] for name in names]
    if names[0].endswith(
        "iter:0"
    ):  # before TensorFlow 2.11: all means, then all squares
        means, squares = values[1:5], values[5:]
        pairs = zip(means, squares, strict=True)
        values[1:] = [value for pair in pairs for value in pair]
    variables = model.optimizer.variables
    variables.pop(1)  # the learning rate is not in the file
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return model


@pytest.mark.filterwarnings(
    "ignore:Do not pass an `input_shape`", "ignore:Argument `decay`"
)
@pytest.mark.parametrize("name, bound", [("new", 1e-4), ("old", 0.02)])
def test_a_file_of_keras_2_goes_on_training_with_its_adam(
    keras_2, name, bound, mnist, few
):
    _, (x_test, _) = mnist
    with pytest.raises(TypeError, match="could not be deserialized properly"):
        keras.models.load_model(keras_2 / f"{name}.h5")
    model = resume_keras_2(keras_2 / f"{name}.h5")
    wanted = np.load(keras_2 / f"{name}.npy")
    assert np.allclose(
        model.predict(x_test, batch_size=1000, verbose=0), wanted, atol=1e-4
    )
    fresh = keras.models.load_model(keras_2 / f"{name}.h5", compile=False)
    models.compile_classifier(fresh)
    fit(model, few)
    fit(fresh, few)
    with np.load(keras_2 / f"{name}.npz") as arrays:
        went_on = list(arrays.values())
    # Both Keras versions compute Adam in their own way; the state is what matters.
    assert lesson.largest_difference(model.get_weights(), went_on) <= bound
    assert lesson.largest_difference(fresh.get_weights(), went_on) > 0.05


def test_a_saved_model_of_keras_2_is_refused_but_its_graph_can_be_read(keras_2, mnist):
    _, (x_test, _) = mnist
    with pytest.raises(ValueError, match="File format not supported"):
        keras.models.load_model(keras_2 / "folder")
    wanted = np.load(keras_2 / "new.npy")
    loaded = tf.saved_model.load(keras_2 / "folder")
    assert np.allclose(loaded(x_test), wanted, atol=1e-4)
    layer = keras.layers.TFSMLayer(keras_2 / "folder", call_endpoint="serving_default")
    (output,) = layer(x_test).values()
    assert np.allclose(output, wanted, atol=1e-4)


def test_the_keras_2_file_of_lesson_6_is_from_keras_2():
    with h5py.File(data.keras2_file()) as file:
        assert file.attrs["keras_version"] == "2.21.0"
        assert file["optimizer_weights"].attrs["weight_names"][0] == "iteration:0"
