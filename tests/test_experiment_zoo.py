"""What survives of the models that people have, and a remedy for each silent loss."""

import csv
import sys

import lesson
from experiments import formats, zoo, zoo_models

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT
from keras import layers

SCRIPT = "experiments.zoo"
ZOO = {case.name: case for case in zoo_models.ZOO}
COPIES = ["set_weights", "clone_model"]


def silent(outcome):
    """Return the names of the models that are known to have this silent outcome."""
    return [name for name, outcomes in zoo.SILENT.items() if outcome in outcomes]


def read(path):
    """Return for each model and way the outcome and the class of the error."""
    with open(path, newline="", encoding="utf-8") as file:
        return {
            (row["model"], row["way"]): (row["outcome"], row["error"])
            for row in csv.DictReader(file)
        }


@pytest.fixture
def bring(tmp_path):
    """Return a function that gives a case's Training and what comes back in a way."""

    def save_and_load(name, way):
        training = zoo.train(ZOO[name])
        with zoo.Warned():
            return training, zoo.save_and_load(way, training, tmp_path)

    return save_and_load


def predicts_as_before(loaded, training):
    found = zoo.predict(loaded, zoo.tensors(training.case.x))
    return zoo.are_close(training.saved, [found, training.predictions])


def resumes(loaded, training):
    case = training.case
    case.train_more(loaded, zoo.tensors(case.x), case.y)
    return lesson.largest_difference(zoo.weights(loaded), training.resumed) == 0


# The grid


def test_the_grid_of_the_readme_is_what_the_zoo_finds(default_run):
    found = read(default_run(SCRIPT).folder / "survival.csv")
    assert found == read(ROOT / "figures" / "survival.csv")
    assert list(found) == [(name, way) for name in ZOO for way in zoo.WAYS]


def test_each_error_of_the_grid_has_its_message(default_run):
    path = default_run(SCRIPT).folder / "survival.csv"
    with open(path, newline="", encoding="utf-8") as file:
        errors = [row for row in csv.DictReader(file) if row["error"]]
    assert len(errors) > 20
    assert all(row["message"] for row in errors)


def test_the_picture_is_as_wide_as_a_page(default_run):
    for folder in default_run(SCRIPT).folder, ROOT / "figures":
        content = (folder / "survival.png").read_bytes()
        assert content.startswith(b"\x89PNG")
        assert int.from_bytes(content[16:20], "big") == 1100


def test_the_zoo_says_what_to_do_about_each_silent_cell(default_run):
    assert set(zoo.ADVICE) == set(zoo.SILENT)
    text = " ".join(default_run(SCRIPT).stdout.split())
    for name, advice in zoo.ADVICE.items():
        assert f"{name}: {advice}." in text


def test_a_silent_cell_that_is_not_known_stops_the_experiment(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(sys, "argv", ["zoo"])
    monkeypatch.setattr(zoo.report, "folder", lambda _: tmp_path)
    monkeypatch.setattr(zoo.report, "name", str)
    monkeypatch.setattr(zoo_models, "ZOO", [ZOO["Normalization, adapted"]])
    with pytest.raises(SystemExit) as stopped:
        zoo.main()
    assert stopped.value.code == 1
    assert "FAIL   the silent cells are those" in capsys.readouterr().out


# Check before you trust


def notices(training, way, folder):
    """Return whether the lines of lesson 5 raise an error after loading."""
    x_few = training.case.x
    np.save(folder / "expected.npy", training.saved.predict(x_few, verbose=0))
    with zoo.Warned():
        loaded = zoo.save_and_load(way, training, folder)
    expected = np.load(folder / "expected.npy")
    bound = 1e-3 * np.abs(expected).max()
    predictions = loaded.predict(x_few, verbose=0)
    try:
        np.testing.assert_allclose(predictions, expected, rtol=0, atol=bound)
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("name", silent(zoo.WRONG))
def test_three_lines_notice_each_cell_that_is_silently_wrong(name, tmp_path):
    training = zoo.train(ZOO[name])
    for way in zoo.SILENT[name][zoo.WRONG]:
        assert notices(training, way, tmp_path), way


@pytest.mark.parametrize("name", silent(zoo.DRIFTS))
def test_three_lines_cannot_notice_that_continued_training_differs(name, tmp_path):
    training = zoo.train(ZOO[name])
    for way in zoo.SILENT[name][zoo.DRIFTS]:
        assert not notices(training, way, tmp_path), way


def test_three_lines_say_nothing_where_nothing_is_lost(tmp_path):
    assert not notices(zoo.train(ZOO["Normalization, adapted"]), ".keras", tmp_path)


# Remedies after loading


@pytest.mark.parametrize("way", [".keras", ".h5", "clone_model"])
def test_a_frozen_sequential_base_is_unfrozen_layer_by_layer(way, bring):
    training, loaded = bring("frozen Sequential base", way)
    base = loaded.get_layer("base")
    base.trainable = True
    assert len(loaded.trainable_variables) == 2  # those of the head
    for layer in base.layers:
        layer.trainable = True
    assert len(loaded.trainable_variables) == 4
    assert resumes(loaded, training)


@pytest.mark.parametrize("way", [".keras", ".h5"])
def test_a_layer_that_was_frozen_from_outside_is_frozen_again(way, bring):
    training, loaded = bring("subclassed, a layer frozen", way)
    assert len(training.saved.trainable_variables) == 2
    assert len(loaded.trainable_variables) == 4
    loaded.base.trainable = False
    assert resumes(loaded, training)


@pytest.mark.parametrize("way", [".keras", ".weights.h5", "checkpoint", ".h5"])
def test_dropout_resumes_with_its_seed_generators_state(way, bring):
    training, loaded = bring("Dropout", way)
    state = training.saved.layers[1].seed_generator.state
    loaded.layers[1].seed_generator.state.assign(state)
    assert resumes(loaded, training)


@pytest.mark.parametrize("way", ["checkpoint", "Orbax", *COPIES])
def test_finalize_state_makes_an_adapted_normalization_right(way, bring):
    training, loaded = bring("Normalization, adapted", way)
    assert not predicts_as_before(loaded, training)
    loaded.layers[0].finalize_state()
    assert predicts_as_before(loaded, training)


@pytest.mark.parametrize("way", zoo.NO_CHECKPOINT)
def test_a_stateful_layer_predicts_as_before_with_its_states_or_after_a_reset(
    way, bring
):
    training, loaded = bring("stateful LSTM", way)
    layer, saved = loaded.layers[0], training.saved.layers[0]
    for state, value in zip(layer.states, saved.states, strict=True):
        state.assign(value)
    assert predicts_as_before(loaded, training)
    layer.reset_state()
    saved.reset_state()
    x = training.case.x
    predictions = [zoo.predict(model, x) for model in (loaded, training.saved)]
    assert zoo.are_close(training.saved, predictions)


@pytest.mark.parametrize("way", [".keras", ".weights.h5"])
def test_lora_continues_with_its_weights_as_a_list_and_stands_still_without(way, bring):
    training, loaded = bring("LoRA", way)
    matrices = loaded.layers[0].lora_kernel_a, loaded.layers[0].lora_kernel_b
    zoo_models.compiled(loaded)  # with a new optimizer
    zoo_models.fit(loaded, training.case.x, training.case.y)
    assert not any(np.any(matrix) for matrix in matrices)
    training, loaded = bring("LoRA", way)
    loaded.set_weights(training.saved.get_weights())
    assert resumes(loaded, training)


@pytest.mark.parametrize("way", [".keras", ".h5"])
def test_what_weight_decay_leaves_out_is_said_again_after_loading(way, bring):
    training, loaded = bring("AdamW, biases without decay", way)
    loaded.optimizer.exclude_from_weight_decay(var_names=["bias"])
    assert resumes(loaded, training)


@pytest.mark.parametrize("way", [".keras", ".weights.h5"])
def test_int8_with_lora_resumes_with_its_weights_as_a_list(way, bring):
    training, loaded = bring("int8 with LoRA", way)
    loaded.set_weights(training.saved.get_weights())
    assert predicts_as_before(loaded, training)
    assert resumes(loaded, training)


def test_int8_that_is_compiled_after_it_was_quantized_resumes_from_keras(tmp_path):
    case = ZOO["int8, trained before"]
    compiled = case._replace(build=lambda: zoo_models.compiled(case.build()))
    assert zoo.try_way(".keras", zoo.train(compiled), tmp_path).outcome == zoo.RESUMES


def int8_attention():
    inputs = keras.Input((4, 8))
    hidden = layers.MultiHeadAttention(2, 4)(inputs, inputs)
    outputs = layers.Dense(zoo_models.CLASSES)(layers.Flatten()(hidden))
    model = zoo_models.compiled(keras.Model(inputs, outputs))
    with zoo.Warned():
        model.quantize("int8")
    return model


def test_int8_attention_resumes_from_weights_and_is_refused_in_keras(tmp_path):
    x = np.ones((zoo_models.SAMPLES, 4, 8), "float32")
    training = zoo.train(zoo_models.Case("int8 attention", int8_attention, x))
    cell = zoo.try_way(".keras", training, tmp_path)
    assert "objects could not be loaded" in cell.message
    assert zoo.try_way(".weights.h5", training, tmp_path).outcome == zoo.RESUMES


@pytest.mark.parametrize("name", ["mixed_float16", "LossScaleOptimizer"])
def test_orbax_finds_the_state_of_a_loss_scale_when_it_has_trained(
    name, bring, tmp_path
):
    training, _ = bring(name, "Orbax")
    case = training.case
    keras.utils.clear_session()
    loaded = case.build()
    zoo_models.fit(loaded, case.x, case.y)
    with zoo.Warned():
        loaded.load_weights(tmp_path / formats.ORBAX.file)
    assert resumes(loaded, training)


@keras.saving.register_keras_serializable("test")
class LayerOfLayers(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = layers.Dense(8)

    def build(self, input_shape):
        self.inner.build(input_shape)

    def call(self, x):
        return self.inner(x)


def with_layer_of_layers():
    inputs = keras.Input((8,))
    return zoo_models.compiled(keras.Model(inputs, LayerOfLayers()(inputs)))


@pytest.mark.parametrize(
    "case, right",
    [
        (ZOO["Dense layers"], False),
        (ZOO["nested model"], False),
        (ZOO["shared layer"], True),
        (zoo_models.Case("layer of layers", with_layer_of_layers), False),
    ],
)
def test_load_model_of_an_orbax_folder_is_silently_wrong_but_for_some_functional_models(
    case, right, tmp_path
):
    training = zoo.train(case)
    formats.ORBAX.save(training.saved, tmp_path / "orbax")
    with zoo.Warned() as warned:
        loaded = keras.models.load_model(tmp_path / "orbax")
    assert not warned.first()
    assert predicts_as_before(loaded, training) == right
    if case.name == "layer of layers":
        loaded = formats.ORBAX.load_by_hand(tmp_path / "orbax", case.build)
        assert resumes(loaded, training)


# How to notice


@pytest.mark.parametrize("way", [".keras", ".h5"])
def test_a_regularizer_that_was_set_when_built_works_after_loading_only(way, bring):
    training, loaded = bring("regularizer set when built", way)
    assert (len(training.saved.losses), len(loaded.losses)) == (0, 1)


@pytest.mark.parametrize("way", [".keras", ".h5"])
def test_another_loss_shows_that_the_argument_of_a_loss_is_lost(way, bring):
    training, loaded = bring("own loss class, no get_config", way)
    x, y = training.case.x, training.case.y
    loss = training.saved.evaluate(x, y, verbose=0)
    assert loaded.evaluate(x, y, verbose=0) == pytest.approx(loss / 5)


def test_a_layer_in_a_plain_object_is_not_counted():
    assert len(zoo_models.hidden_layer().weights) == 4  # of three layers


class Holds(keras.Model):
    """A model with two layers in whatever `hold` makes of a list of them."""

    def __init__(self, hold):
        super().__init__()
        self.held = hold([layers.Dense(2), layers.Dense(2)])

    def call(self, x):
        held = self.held.values() if isinstance(self.held, dict) else self.held
        for layer in held:
            x = layer(x)
        return x


@pytest.mark.parametrize(
    "hold, variables",
    [(list, 0), (lambda two: {"a": two[0], "b": two[1]}, 0), (tuple, 4)],
    ids=["list", "dict", "tuple"],
)
def test_a_checkpoint_has_layers_of_a_tuple_but_not_of_a_list_or_a_dict(
    hold, variables, tmp_path
):
    x = np.ones((1, 2), "float32")
    model, other = Holds(hold), Holds(hold)
    model(x)
    other(x)
    path = tf.train.Checkpoint(model=model).write(tmp_path / "checkpoint")
    names = [name for name, _ in tf.train.list_variables(path) if "VALUE" in name]
    assert len(names) == variables
    status = tf.train.Checkpoint(model=other).read(path)
    status.assert_existing_objects_matched()  # nothing is said
    status.assert_consumed()
    assert np.array_equal(model(x), other(x)) == (variables == 4)


# Remedies in the program, before saving


def own(thing):
    return keras.saving.register_keras_serializable("test")(thing)


@own
class LayersInTuple(zoo_models.LayersInList):
    def __init__(self, **kwargs):
        keras.Model.__init__(self, **kwargs)
        self.steps = (layers.Dense(8), layers.Dense(8), layers.Dense(3))
        self.build((None, 8))


@own
class FrozenInside(zoo_models.TwoLayers):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.base.trainable = False


@own
class LossWithConfig(zoo_models.OwnLoss):
    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@own
class Remembers(zoo_models.Forgets):
    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@own
class AddsWeight(layers.Layer):
    def build(self, input_shape):
        self.factor = self.add_weight(shape=(), initializer="ones", trainable=False)

    def call(self, x):
        return x * self.factor


@own
class VisibleLayer(zoo_models.HiddenLayer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.layer = self.holder.layer


def with_regularizer():
    first = layers.Dense(8, activation="relu", kernel_regularizer="l2")
    model = [keras.Input((8,)), first, layers.Dense(3)]
    return zoo_models.compiled(keras.Sequential(model))


def with_loss():
    return zoo_models.compiled(zoo_models.dense(), "sgd", LossWithConfig(factor=5.0))


REMEDIES = {
    "subclassed, layers in a list": lambda: zoo_models.compiled(LayersInTuple()),
    "subclassed, a layer frozen": lambda: zoo_models.compiled(FrozenInside(), "sgd"),
    "regularizer set when built": with_regularizer,
    "own loss class, no get_config": with_loss,
    "own layer, get_config forgets": lambda: zoo_models.compiled(
        zoo_models.dense(Remembers(factor=5.0))
    ),
    "own layer, bare tf.Variable": lambda: zoo_models.compiled(
        zoo_models.dense(AddsWeight())
    ),
    "own layer, Python number": lambda: zoo_models.compiled(
        zoo_models.dense(AddsWeight())
    ),
    "layer in a plain object": lambda: zoo_models.compiled(
        zoo_models.dense(VisibleLayer())
    ),
}


@pytest.mark.parametrize("name", REMEDIES)
def test_a_model_that_is_written_otherwise_survives(name, tmp_path, monkeypatch):
    classes = [
        LayersInTuple,
        FrozenInside,
        LossWithConfig,
        Remembers,
        AddsWeight,
        VisibleLayer,
    ]
    monkeypatch.setattr(zoo_models, "OWN", [*zoo_models.OWN, *classes])
    training = zoo.train(ZOO[name]._replace(build=REMEDIES[name]))
    for ways in zoo.SILENT[name].values():
        for way in ways:
            cell = zoo.try_way(way, training, tmp_path)
            wanted = [zoo.PREDICTS, zoo.RESUMES] if way in COPIES else [zoo.RESUMES]
            assert cell.outcome in wanted, (way, cell)


@pytest.mark.parametrize("way", zoo.WAYS)
def test_layers_in_a_tuple_survive_in_all_ways(way, tmp_path, monkeypatch):
    monkeypatch.setattr(zoo_models, "OWN", [*zoo_models.OWN, LayersInTuple])
    case = ZOO["subclassed, layers in a list"]
    remedy = REMEDIES["subclassed, layers in a list"]
    training = zoo.train(case._replace(build=remedy))
    assert zoo.try_way(way, training, tmp_path).outcome in (zoo.RESUMES, zoo.PREDICTS)
