"""Lesson 8: callbacks that save while a model trains, and what they do besides."""

import lesson
import models

import keras
import numpy as np
import pytest
from conftest import numbers

SCRIPT = "08_save_while_training.py"
START_AGAIN = "08_start_again.py"


def test_lesson_8_shows_the_call_of_old_tutorials_with_its_error(default_run):
    text = default_run(SCRIPT).stdout
    assert "error  ValueError: When using `save_weights_only=True`" in text


def test_lesson_8_keeps_the_best_epoch_which_is_not_the_last(default_run):
    text = default_run(SCRIPT).stdout.split("2. Stop when")[0]
    losses = numbers(r"(?s)" + r".*?val_loss: ([\d.]+)" * 8, text)
    (kept,) = numbers(r"ok     best.keras has val_loss ([\d.]+)", text)
    assert kept == pytest.approx(min(losses), abs=0.001)
    assert kept < losses[-1] - 0.02


def test_lesson_8_stops_with_the_best_weights_and_a_later_optimizer(default_run):
    text = default_run(SCRIPT).stdout
    assert "ok     it has the weights of best.keras" in text
    steps, best_steps = numbers(r"ok     but (\d+) steps of Adam, not (\d+)", text)
    assert steps == best_steps + 2 * 63  # `patience` epochs


def test_lesson_8_overwrites_the_best_file_and_then_keeps_it(default_run, mnist):
    finished = default_run(START_AGAIN)
    pattern = r"ok     silently, val_loss ([\d.]+) became ([\d.]+)"
    first, second = numbers(pattern, finished.stdout)
    (kept,) = numbers(r"ok     best.keras still has val_loss ([\d.]+)", finished.stdout)
    assert kept == pytest.approx(first, abs=1e-4)
    assert kept < second - 0.01
    best = keras.models.load_model(finished.folder / "best.keras")
    assert best.evaluate(*mnist[1], verbose=0)[0] == pytest.approx(kept, abs=1e-4)


def test_lesson_8_keeps_the_last_three_files_with_their_steps(default_run):
    files = sorted(default_run(START_AGAIN).folder.glob("step-*.keras"))
    steps = [int(keras.models.load_model(f).optimizer.iterations) for f in files]
    assert steps == [140, 160, 180]


def test_lesson_8_continues_from_the_last_finished_epoch(default_run):
    text = default_run(SCRIPT).stdout
    assert "ok     it begins with the third epoch again" in text
    assert "ok     restored: not one bit differs" in text
    assert not (default_run(SCRIPT).folder / "backup").exists()


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
