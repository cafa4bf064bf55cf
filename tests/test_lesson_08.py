"""Lesson 8: callbacks that save while a model trains, and what they do besides."""

import logging

import lesson
import models

import keras
import numpy as np
import pytest

SCRIPT = "08_save_while_training.py"
START_AGAIN = "08_start_again.py"


def test_lesson_8_keeps_the_last_three_files_with_their_steps(default_run):
    files = sorted(default_run(START_AGAIN).folder.glob("step-*.keras"))
    steps = [int(keras.models.load_model(f).optimizer.iterations) for f in files]
    assert steps == [140, 160, 180]


def test_a_lesson_8_that_was_stopped_before_its_end_runs_again(folder):
    left_behind = folder.path / "saved" / "08_save_while_training" / "backup"
    left_behind.mkdir(parents=True)
    (left_behind / "latest.weights.h5").write_bytes(b"garbage")
    finished = folder.run_forked(SCRIPT, "--samples", "2000")
    assert (finished.returncode, finished.stderr) == (0, "")


# What the callbacks do besides. 32 batches of 10 images make an epoch.

EPOCH = 32


def fit(*callbacks, model=None, epochs=2):
    model = model or trained_alone(0)
    x = np.random.default_rng(1).random((10 * EPOCH, 784), dtype="float32")
    y = np.arange(10 * EPOCH) % 10
    settings = {"batch_size": 10, "shuffle": False, "verbose": 0}
    model.fit(x, y, epochs=epochs, callbacks=list(callbacks), **settings)
    return model


def trained_alone(epochs):
    keras.utils.set_random_seed(1)
    model = models.compile(models.sequential(), steps_per_execution=1)
    return fit(model=model, epochs=epochs) if epochs else model


class Stop(keras.callbacks.Callback):
    """Stops after a number of batches, counted from the beginning."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def on_train_batch_end(self, batch, logs=None):
        if self.model.optimizer.iterations == self.batches:
            raise RuntimeError("stopped")


def test_save_freq_counts_batches_across_epochs(tmp_path):
    path = tmp_path / "{epoch}-{batch}.keras"
    fit(keras.callbacks.ModelCheckpoint(path, save_freq=20), epochs=3)
    # Batches 20, 40, 60 and 80 of all.
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["1-20.keras", "2-28.keras", "2-8.keras", "3-16.keras"]


@pytest.mark.parametrize("save_freq, batches", [("epoch", 64), (20, 64 + 8)])
def test_backup_and_restore_in_the_middle_of_an_epoch_trains_batches_twice(
    tmp_path, save_freq, batches
):
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", save_freq=save_freq)
    with pytest.raises(RuntimeError, match="stopped"):
        fit(backup, Stop(EPOCH + 25))
    model = fit(backup)
    # The last save before the stop was at batch 40, 8 batches into the second epoch,
    # which begins anew.
    assert model.optimizer.iterations.numpy() == batches
    difference = lesson.largest_difference(
        model.get_weights(), trained_alone(2).get_weights()
    )
    assert (difference > 0.001) == (save_freq == 20)


# OrbaxCheckpoint, and what Keras's guide on it does not say.

ORBAX = "08_with_orbax.py"


@pytest.fixture
def orbax(tmp_path):
    """The folder of an OrbaxCheckpoint, whose warnings at each save are not shown."""
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    yield tmp_path / "orbax"
    logging.getLogger("absl").setLevel(logging.NOTSET)


def saved_by_orbax(folder):
    return keras.callbacks.OrbaxCheckpoint(folder)


def fit_compiled(model, *callbacks):
    model.compile(optimizer="adam", loss="mean_squared_error")
    x = np.random.default_rng(1).random((64, 4), dtype="float32")
    model.fit(x, x[:, :2], callbacks=list(callbacks), verbose=0)
    return np.asarray(model(x)), x


def test_of_a_relative_folder_a_temporary_one_is_left(default_run):
    relative = default_run(ORBAX).folder / "relative"
    assert [path.name for path in relative.iterdir()] == ["0.orbax-checkpoint-tmp"]


def test_without_orbax_lesson_8_says_what_to_install(shared_folder):
    # The environment of the tests hides JAX; so is Orbax here.
    hidden = shared_folder.path / "sitecustomize.py"
    hidden.write_text("import sys; sys.modules.update(jax=None, orbax=None)")
    path = str(shared_folder.path)
    finished = shared_folder.run(ORBAX, "--samples", "320", PYTHONPATH=path)
    hidden.unlink()
    assert (finished.returncode, finished.stderr) == (0, "")
    text = " ".join(finished.stdout.split())
    assert "ok the file is the model orbax is not installed: what needs it is" in text
    assert text.endswith("python -m pip install -r requirements-other.txt")


class Tutorials(keras.Model):
    """A model as tutorials write it: its layers are built when it is called."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(2)

    def call(self, inputs):
        return self.dense(inputs)


def test_load_model_of_orbax_loses_the_weights_of_inner_and_of_own_models(orbax):
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    inputs = keras.Input((4,))
    for kind, model in (
        ("functional, with a sequential one in it", keras.Model(inputs, inner(inputs))),
        ("subclassed", Tutorials()),
    ):
        predictions, x = fit_compiled(model, saved_by_orbax(orbax / kind))
        own = {"Tutorials": Tutorials}
        loaded = keras.models.load_model(orbax / kind, custom_objects=own)
        assert np.abs(np.asarray(loaded(x)) - predictions).max() > 0.01, kind


def test_after_orbax_a_normalization_layer_must_be_finalized(orbax):
    inputs = keras.Input((4,))
    layer = keras.layers.Normalization()
    layer.adapt(np.random.default_rng(2).random((64, 4)) * 10)
    model = keras.Model(inputs, keras.layers.Dense(2)(layer(inputs)))
    predictions, x = fit_compiled(model, saved_by_orbax(orbax))
    loaded = keras.models.load_model(orbax)
    assert np.abs(np.asarray(loaded(x)) - predictions).max() > 0.01
    loaded.layers[1].finalize_state()
    np.testing.assert_allclose(loaded(x), predictions, atol=1e-5)


def test_orbax_needs_the_names_of_the_optimizer_too(orbax):
    def build(**name):
        inputs = keras.Input((4,))
        model = keras.Model(inputs, keras.layers.Dense(2, name="dense")(inputs))
        model.compile(keras.optimizers.Adam(**name), "mean_squared_error")
        model.optimizer.build(model.trainable_variables)
        return model

    model = build(name="adam")
    x = np.ones((64, 4), "float32")
    model.fit(x, x[:, :2], callbacks=[saved_by_orbax(orbax)], verbose=0)
    for name, steps in ({"name": "adam"}, 2), ({"name": "adam_1"}, 0):
        loaded = build(**name)
        loaded.load_weights(orbax)
        assert lesson.largest_difference(loaded.get_weights(), model.get_weights()) == 0
        assert loaded.optimizer.iterations == steps


def test_a_second_start_with_orbax_must_say_which_epoch_it_begins_with(orbax, capsys):
    fit(saved_by_orbax(orbax))
    assert [path.name for path in orbax.iterdir()] == ["1"]
    # Epoch 0 is not saved, without a word; epoch 1 is there already.
    model = fit(saved_by_orbax(orbax), epochs=1, model=trained_alone(1))
    assert [path.name for path in orbax.iterdir()] == ["1"]
    with pytest.raises(FileExistsError, match="Step 1 already exists"):
        fit(saved_by_orbax(orbax), model=model)
    # The guide says that with verbose=1 there are messages.
    fit(keras.callbacks.OrbaxCheckpoint(orbax / "more", verbose=1), epochs=1)
    assert capsys.readouterr().out == ""


def test_orbax_in_a_relative_folder_fails_when_the_second_epoch_is_saved(
    orbax, monkeypatch
):
    orbax.mkdir()
    monkeypatch.chdir(orbax)
    fit(saved_by_orbax("relative"), epochs=1)
    with pytest.raises(ValueError, match="Checkpoint path should be absolute"):
        fit(saved_by_orbax("other"), epochs=2)
    assert [path.name for path in orbax.glob("*/*")] == ["0.orbax-checkpoint-tmp"] * 2
