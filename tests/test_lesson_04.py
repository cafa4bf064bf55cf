"""Lesson 4: custom classes, and a model that is made of them."""

import lesson
import custom
import models

import keras
import numpy as np
import pytest

CLASSES = "04_custom_classes.py"
MODELS = "04_custom_models.py"
X = np.random.default_rng(1).random((5, 784), "float32")


# The facts behind it


class Factor(keras.layers.Layer):
    """Without `get_config`."""

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return self.factor * inputs


class VideoModel(keras.Model):
    def __init__(self, units=64, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.dense1 = keras.layers.Dense(units, activation="relu")
        self.dense2 = keras.layers.Dense(10)

    def build(self, input_shape):
        self.dense1.build(input_shape)
        self.dense2.build((None, self.units))
        super().build(input_shape)

    def call(self, inputs):
        return self.dense2(self.dense1(inputs))


def with_layer(layer):
    return keras.Sequential([keras.Input((784,)), keras.layers.Dense(8), layer])


def saved_and_loaded(model, path, **custom_objects):
    model.save(path)
    return keras.models.load_model(path, custom_objects=custom_objects)


def test_keras_keeps_plain_arguments_of_a_layer_without_get_config(tmp_path):
    model = with_layer(Factor(0.5))
    loaded = saved_and_loaded(model, tmp_path / "m.keras", Factor=Factor)
    np.testing.assert_array_equal(loaded(X), model(X))


def test_a_model_without_get_config_and_with_other_sizes_does_not_load(tmp_path):
    model = VideoModel(units=32)
    model.build((None, 784))
    with pytest.raises(ValueError, match="A total of 2 objects could not be loaded"):
        saved_and_loaded(model, tmp_path / "m.keras", VideoModel=VideoModel)
    with pytest.raises(ValueError, match=r"(Layer count|Shape) mismatch"):
        saved_and_loaded(model, tmp_path / "m.h5", VideoModel=VideoModel)


def builds_nothing(model, shape):
    model.built = True


def builds_one_layer(model, shape):
    model.dense1.build(shape)


@pytest.mark.parametrize(
    "build, found", [(builds_nothing, 0), (builds_one_layer, 2), (VideoModel.build, 4)]
)
def test_what_your_own_build_leaves_unbuilt_is_not_loaded_and_nothing_is_said(
    tmp_path, recwarn, build, found
):
    model = type("Own", (VideoModel,), {"build": build})()
    model(X)
    loaded = saved_and_loaded(model, tmp_path / "m.keras", Own=type(model))
    assert len(loaded.weights) == found
    assert [w for w in recwarn if w.category is UserWarning] == []
    without = type("Own", (VideoModel,), {"build": keras.Model.build})
    loaded = saved_and_loaded(model, tmp_path / "m.keras", Own=without)
    np.testing.assert_array_equal(loaded(X), model(X))


def test_a_model_class_that_is_not_registered_loads_with_custom_objects(tmp_path):
    model = VideoModel()
    model.build((None, 784))
    model.save(tmp_path / "m.keras")
    with pytest.raises(TypeError, match="Could not locate class 'VideoModel'"):
        keras.models.load_model(tmp_path / "m.keras")
    loaded = saved_and_loaded(model, tmp_path / "m.keras", VideoModel=VideoModel)
    np.testing.assert_array_equal(loaded(X), model(X))


@pytest.fixture
def registered():
    """All classes that are registered, by their names; a test may change it."""
    classes = keras.saving.get_custom_objects()
    before = dict(classes)
    yield classes
    classes.clear()
    classes.update(before)


@keras.saving.register_keras_serializable(package="moved")
class Scale(custom.Scale):
    """The same class, in another module."""


def test_the_same_class_in_another_module_loads_under_its_registered_name(
    tmp_path, registered
):
    model = with_layer(custom.Scale(0.5))
    model.save(tmp_path / "m.keras")
    registered["lessons>Scale"] = Scale
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert type(loaded.layers[-1]) is Scale
    np.testing.assert_array_equal(loaded(X), model(X))


def test_custom_objects_has_the_package_too_if_the_class_was_registered(
    tmp_path, registered
):
    model = with_layer(custom.Scale(0.5))
    model.save(tmp_path / "m.keras")
    del registered["lessons>Scale"]
    for classes in {}, {"Scale": Scale}:
        with pytest.raises(TypeError, match="Could not locate class 'Scale'"):
            keras.models.load_model(tmp_path / "m.keras", custom_objects=classes)
    classes = {"lessons>Scale": Scale}
    loaded = keras.models.load_model(tmp_path / "m.keras", custom_objects=classes)
    np.testing.assert_array_equal(loaded(X), model(X))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_layer_in_a_layer_comes_back_with_both_methods(tmp_path, suffix):
    model = with_layer(custom.Twice(keras.layers.Dense(8, "relu")))
    path = tmp_path / f"m{suffix}"
    loaded = saved_and_loaded(model, path, Twice=custom.Twice)
    np.testing.assert_array_equal(loaded(X), model(X))


def test_a_layer_in_a_layer_without_from_config_does_not_load(tmp_path):
    class Forgetful(custom.Twice):
        @classmethod
        def from_config(cls, config):
            return cls(**config)

    model = with_layer(Forgetful(keras.layers.Dense(8, "relu")))
    with pytest.raises(TypeError, match=r"explicitly deserialized in .* `from_config"):
        saved_and_loaded(model, tmp_path / "m.keras", Forgetful=Forgetful)


def compiled(loss, metric):
    model = models.build()
    model.compile("adam", loss=loss, metrics=[metric])
    model.fit(X, np.arange(5), verbose=0)
    return model


def test_a_loss_or_a_metric_alone_is_missed_too(tmp_path):
    def unknown_loss(labels, logits):
        return custom.capped_loss(labels, logits)

    class OwnMetric(custom.Certainty):
        pass

    path = tmp_path / "m.keras"
    with pytest.raises(TypeError, match="Could not locate function 'unknown_loss'"):
        saved_and_loaded(compiled(unknown_loss, "accuracy"), path)
    with pytest.raises(TypeError, match="Could not locate class 'OwnMetric'"):
        saved_and_loaded(compiled(custom.capped_loss, OwnMetric()), path)


def test_your_own_loss_in_an_h5_file_gives_a_misleading_error(tmp_path):
    def own_loss(labels, logits):
        return custom.capped_loss(labels, logits)

    model = compiled(own_loss, "accuracy")
    with pytest.raises(TypeError, match="string indices must be integers"):
        saved_and_loaded(model, tmp_path / "m.h5")
    for options in {"compile": False}, {"custom_objects": {"own_loss": own_loss}}:
        loaded = keras.models.load_model(tmp_path / "m.h5", **options)
        assert lesson.largest_difference(loaded.get_weights(), model.get_weights()) == 0


def test_the_loss_is_capped_and_the_metric_is_the_mean_of_the_highest_probability():
    logits = np.array([[100.0, 0], [0, 0], [0, 0]], "float32")
    losses = custom.capped_loss(np.array([1, 0, 1]), logits)
    np.testing.assert_allclose(losses, [5, np.log(2), np.log(2)], rtol=1e-6)
    metric = custom.Certainty()
    metric.update_state(None, logits)
    assert float(metric.result()) == pytest.approx(2 / 3)
