"""The facts that the lessons rest on, each seen on the pinned versions.

Resuming: train on 500 batches, save, load, train on the same 500 batches again, and compare
with a run that was never interrupted.
"""

import lesson
import models

import keras
import numpy as np
import pytest


def fit(model, batches):
    model.fit(*batches, shuffle=False, verbose=0)


@pytest.fixture(scope="module")
def saved(tmp_path_factory, few):
    """A folder with a trained model in each format, and the weights 500 batches later."""
    folder = tmp_path_factory.mktemp("saved")
    keras.utils.set_random_seed(1)
    model = models.compile(models.sequential())
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


def test_weights_file_into_a_compiled_model_skips_adam_with_a_warning(saved, distance):
    model = models.compile(models.sequential())
    with pytest.warns(
        UserWarning, match="Skipping variable loading for optimizer 'adam"
    ):
        model.load_weights(saved[0] / "m.weights.h5")
    assert distance(model) > 0.05


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
    assert distance(models.compile(model)) > 0.05


def test_one_fit_of_two_epochs_equals_two_fits_of_one(saved, few):
    keras.utils.set_random_seed(1)
    model = models.compile(models.sequential())
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


# Whole models


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
