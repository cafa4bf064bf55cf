"""Lesson 8: callbacks that save while a model trains, and what they do besides."""

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
