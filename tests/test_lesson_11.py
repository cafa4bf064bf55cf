"""Lesson 11: two devices, and weights in several files."""

import os
import subprocess
import sys

import lesson
import data

import keras
import tensorflow as tf
from conftest import ROOT

SCRIPT = "11_two_devices.py"


def test_a_file_saved_under_mirrored_strategy_loads_under_one_device_strategy(
    default_run,
):
    path = default_run(SCRIPT).folder / "mirrored.keras"
    (x, y), _ = data.load_mnist(6400)
    weights = []
    for scope in (
        tf.distribute.OneDeviceStrategy("/cpu:0").scope(),
        tf.distribute.get_strategy().scope(),
    ):
        with scope:
            model = keras.models.load_model(path)
        model.fit(x, y, shuffle=False, verbose=0)
        assert model.optimizer.iterations.numpy() == 400
        weights.append(model.get_weights())
    assert lesson.largest_difference(*weights) < 1e-4


FIT = """
import lesson, models
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
half = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(cpu, [half, half])
strategy = tf.distribute.MirroredStrategy(tf.config.list_logical_devices("CPU"))
x, y = np.zeros((6400, 784), "float32"), np.zeros(6400)
for steps in 1, 25:
    with strategy.scope():
        model = models.compile(models.sequential(), steps)
    try:
        model.fit(x, y, verbose=0)
    except Exception as error:
        print(steps, type(error).__name__)
    else:
        print(steps, "works")

import keras
rng = np.random.default_rng(1)
x = rng.normal(size=(640, 4)).astype("float32")
x[1::32] += 5  # the shares of the two devices differ
for synchronized in False, True:
    with strategy.scope():
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
        model.add(keras.layers.BatchNormalization(synchronized=synchronized))
        model.compile("sgd", "mse")
    model.fit(x, x[:, :3], batch_size=64, shuffle=False, verbose=0)
    model.save("saved_by_the_test.keras")
    loaded = keras.models.load_model("saved_by_the_test.keras")
    live, found = (each.predict(x, verbose=0, batch_size=640) for each in (model, loaded))
    print(synchronized, np.abs(live - found).max() > 1e-5 * np.abs(live).max())
"""


def test_fit_under_mirrored_strategy_takes_one_step_and_batch_normalization_differs(
    tmp_path,
):
    finished = subprocess.run(
        [sys.executable, "-c", FIT],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.stdout.splitlines() == [
        *("1 works", "25 InvalidArgumentError"),
        *("False True", "True False"),
    ]
