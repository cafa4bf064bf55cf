"""Lesson 4: custom classes, and a model that is made of them."""

from pathlib import Path

import lesson
import custom
import models

import keras
import numpy as np
import pytest
import tensorflow as tf

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


# What is no weight


class Keeps(keras.layers.Layer):
    """A layer with a number and a text."""

    number = 0
    text = ""

    def call(self, inputs):
        return inputs

    def save_own_variables(self, store):
        super().save_own_variables(store)
        store["number"] = self.number

    def load_own_variables(self, store):
        self.number = int(store["number"][()])

    def save_assets(self, path):
        Path(path, "text.txt").write_text(self.text, encoding="utf-8")

    def load_assets(self, path):
        self.text = Path(path, "text.txt").read_text(encoding="utf-8")


def filled():
    layer = Keeps()
    layer.number, layer.text = 3, "\u4e09"
    return with_layer(layer)


def through_checkpoint(path):
    other = with_layer(Keeps())
    written = tf.train.Checkpoint(model=filled()).write(str(path / "checkpoint"))
    tf.train.Checkpoint(model=other).read(written).assert_existing_objects_matched()
    return other


def through_weights(path):
    other = with_layer(Keeps())
    filled().save_weights(path / "m.weights.h5")
    other.load_weights(path / "m.weights.h5")
    return other


def through_get_weights(path):
    other = with_layer(Keeps())
    other.set_weights(filled().get_weights())
    return other


@pytest.mark.parametrize(
    "way, kept",
    [
        (lambda path: saved_and_loaded(filled(), path / "m.keras", Keeps=Keeps), 2),
        (through_weights, 1),
        (lambda path: saved_and_loaded(filled(), path / "m.h5", Keeps=Keeps), 0),
        (through_checkpoint, 0),
        (through_get_weights, 0),
    ],
    ids=[".keras", ".weights.h5", ".h5", "checkpoint", "get_weights"],
)
def test_what_is_no_weight_is_kept_in_keras_half_in_weights_and_not_elsewhere(
    way, kept, tmp_path
):
    layer = way(tmp_path).layers[-1]
    expected = {2: (3, "\u4e09"), 1: (3, ""), 0: (0, "")}[kept]
    assert (layer.number, layer.text) == expected


@pytest.mark.parametrize("form", ["tf_saved_model", "litert"])
def test_what_is_no_weight_is_not_in_an_exported_model(form, tmp_path):
    path = tmp_path / "m.tflite"
    with lesson.quietly():
        filled().export(path, format=form, verbose=False)
    files = [path, *path.rglob("*")]
    content = b"".join(file.read_bytes() for file in files if file.is_file())
    assert content
    assert "\u4e09".encode() not in content


class KeepsWeight(Keeps):
    def build(self, input_shape):
        self.weight = self.add_weight(shape=(2,), initializer="ones")

    def load_own_variables(self, store):
        super().load_own_variables(store)
        self.weight.assign(store["0"])


class AsksSuper(KeepsWeight):
    def load_own_variables(self, store):
        keras.layers.Layer.load_own_variables(self, store)


def test_a_layer_with_weights_assigns_them_itself(tmp_path):
    model = with_layer(KeepsWeight())
    model.layers[-1].weight.assign([3, 4])
    loaded = saved_and_loaded(model, tmp_path / "m.keras", KeepsWeight=KeepsWeight)
    np.testing.assert_array_equal(loaded.layers[-1].weight, [3, 4])
    with pytest.raises(ValueError, match="expected 1 variables, but received 2"):
        saved_and_loaded(
            with_layer(AsksSuper()), tmp_path / "m.keras", AsksSuper=AsksSuper
        )


class Vocabulary(Keeps):
    """A layer with a weight for each word; without `build_from_config` it is too small."""

    def build(self, input_shape):
        self.weight = self.add_weight(shape=(len(self.text),), initializer="ones")

    def load_own_variables(self, store):
        self.weight.assign(store["0"])


class BuildsBySize(Vocabulary):
    def get_build_config(self):
        return {**super().get_build_config(), "text": self.text}

    def build_from_config(self, config):
        self.text = config["text"]
        super().build_from_config(config)


def test_the_build_config_is_there_before_the_weights_and_assets_are_not(tmp_path):
    layer = BuildsBySize()
    layer.text = "abc"
    path = tmp_path / "m.keras"
    loaded = saved_and_loaded(with_layer(layer), path, BuildsBySize=BuildsBySize)
    assert loaded.layers[-1].weight.shape == (3,)
    layer = Vocabulary()
    layer.text = "abc"
    with pytest.raises(ValueError, match="match"):
        saved_and_loaded(with_layer(layer), path, Vocabulary=Vocabulary)


class OwnCompile(keras.Sequential):
    def compile(self, factor, **kwargs):
        super().compile(**kwargs)
        self.factor = factor

    def get_compile_config(self):
        return {"factor": self.factor, "loss": self.loss}

    def compile_from_config(self, config):
        self.compile(**config)


def test_a_compile_of_its_own_is_called_with_what_get_compile_config_returns(tmp_path):
    model = OwnCompile([keras.Input((784,)), keras.layers.Dense(8)])
    model.compile(factor=3, loss="mae")
    loaded = saved_and_loaded(model, tmp_path / "m.keras", OwnCompile=OwnCompile)
    assert (loaded.factor, loaded.loss) == (3, "mae")
