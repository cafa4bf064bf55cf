"""Lesson 9: what is not in a `.keras` file."""

import lesson  # noqa: F401  starts TensorFlow quietly

import keras
import numpy as np

SCRIPT = "09_resume_exactly.py"


class Recorder(keras.Model):
    """A model that keeps the batches that it is trained with."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)
        self.batches = []

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        self.batches.append(data[0].numpy().ravel().tolist())
        return super().train_step(data)


def orders(seed, epochs):
    """Return the order in which `fit` shows eight samples, for each epoch."""
    keras.utils.set_random_seed(seed)
    model = Recorder()
    model.compile("sgd", "mse", run_eagerly=True)
    x = np.arange(8, dtype="float32")[:, np.newaxis]
    model.fit(x, x, batch_size=8, epochs=epochs, verbose=0)
    return model.batches


def test_after_set_random_seed_fit_takes_the_same_order_in_every_epoch():
    first, second, third = orders(seed=1, epochs=3)
    assert sorted(first) == list(range(8))
    assert first == second == third != sorted(first)


def test_another_process_shuffles_otherwise():
    assert orders(seed=1, epochs=1) != orders(seed=2, epochs=1)


def test_a_process_that_sets_the_seed_again_repeats_the_masks_of_dropout(tmp_path):
    x = np.ones((1, 100), "float32")
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((100,)), keras.layers.Dropout(0.5)])
    first = model(x, training=True)
    second = model(x, training=True)
    assert not np.array_equal(first, second)
    model.save(tmp_path / "model.keras")
    keras.utils.set_random_seed(1)
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x, training=True), first)
    np.testing.assert_array_equal(loaded(x, training=True), second)


def test_fit_asks_for_batches_before_the_first_epoch_begins():
    class Told(keras.utils.PyDataset):
        def __init__(self):
            super().__init__()
            self.told = []

        def on_epoch_begin(self):
            self.told.append("begin")

        def __len__(self):
            return 2

        def __getitem__(self, batch):
            self.told.append(batch)
            return np.ones((1, 1), "float32"), np.ones((1, 1), "float32")

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    batches = Told()
    model.fit(batches, epochs=2, shuffle=False, verbose=0)
    begins = [i for i, what in enumerate(batches.told) if what == "begin"]
    assert begins[0] > 0
    assert batches.told[begins[0] :] == ["begin", 0, 1, "begin", 0, 1]
