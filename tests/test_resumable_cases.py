"""resumable.py with data, models and callbacks that people have: exact, or it says so."""

import collections
import csv
import importlib.util
import itertools
import os
import re
import subprocess
import sys
import zipfile

import resumable

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import need
from tensorflow.core.util import event_pb2
from test_resumable import (
    FLAT,
    LABELS,
    ROOT,
    Score,
    batches_of,
    flat,
    kill_after,
    largest_difference,
    never_and_often_stopped,
    python,
    small,
    start,
)


def not_exact(capsys):
    """Return what was said, without its first words."""
    lines = capsys.readouterr().out.splitlines()
    return [line[11:] for line in lines if line.startswith("Not exact: ")]


# Arrays of other kinds


class Column:
    """Taken by label, as a column of pandas; it is an array to NumPy only."""

    def __init__(self, values, labels):
        self.by_label = dict(zip(labels, values, strict=True))
        self.values = values

    def __len__(self):
        return len(self.values)

    def __getitem__(self, labels):
        return np.array([self.by_label[label] for label in labels])

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


def in_hdf5(array, folder):
    path = folder / "data.h5"
    with h5py.File(path, "w") as file:
        file["x"] = array
    return h5py.File(path)["x"]


@pytest.mark.parametrize(
    "other",
    [
        lambda x, folder: Column(x, np.random.default_rng(1).permutation(70)),
        lambda x, folder: x.tolist(),
        lambda x, folder: tf.constant(x),
        in_hdf5,
        lambda x, folder: np.lib.format.open_memmap(
            folder / "x.npy", "w+", x.dtype, x.shape
        ),
    ],
    ids=["labelled", "list", "tensor", "h5py", "memmap"],
)
def test_what_is_no_array_gives_the_same_batches_as_the_array(other, tmp_path):
    numbers = np.arange(140).reshape(70, 2)
    data = other(numbers, tmp_path)
    if isinstance(data, np.memmap):
        data[:] = numbers
    one = resumable.Batches(data, LABELS, batch_size=8)
    two = resumable.Batches(numbers, LABELS, batch_size=8)
    for number in 0, 8, 9:
        for a, b in zip(one.shuffled(number), two.shuffled(number), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ([1, None], "Neither numbers nor text, but object in list"),
        (np.array(["2020-01-01"], "M8[D]"), "Neither numbers nor text, but datetime64"),
        (7, "Neither numbers nor text, but int64 in int"),
    ],
)
def test_what_cannot_be_trained_with_is_named(part, said):
    with pytest.raises(ValueError, match=said):
        resumable.Batches(part)


def reads_text():
    vectorize = keras.layers.TextVectorization(vocabulary=["good", "bad", "so"])
    model = keras.Sequential(
        [vectorize, keras.layers.Embedding(5, 4), keras.layers.GlobalMaxPool1D()]
    )
    model.add(keras.layers.Dense(1))
    model.compile("adam", "mse")
    return model


@pytest.mark.parametrize("kind", [list, np.array, lambda x: np.array(x, object)])
def test_text_is_trained_with(kind, tmp_path):
    words = ["so good", "bad", "good", "so so bad"] * 5

    def data():
        return resumable.Batches(kind(words), np.arange(20.0), batch_size=4)

    never, often = never_and_often_stopped(tmp_path, reads_text, data)
    assert largest_difference(never, often) == 0


def test_elsewhere_batches_are_one_pass_in_the_order_of_the_data(tmp_path):
    data = batches_of(FLAT, LABELS)
    model, history = start(tmp_path, 2, data=data, validation_data=data)
    loss = model.evaluate(FLAT, LABELS, batch_size=8, verbose=0)
    assert model.evaluate(data, verbose=0) == loss
    assert history.history["val_loss"][-1] == loss
    np.testing.assert_array_equal(
        model.predict(batches_of(FLAT), verbose=0),
        model.predict(FLAT, batch_size=8, verbose=0),
    )


class Augmented(resumable.Batches):
    def prepare(self, random, names, labels):
        images = np.stack([np.load(name) for name in names])
        return images + random.normal(0, 0.1, images.shape), labels


def test_a_subclass_reads_files_and_changes_them_with_random_numbers_of_its_own(
    tmp_path,
):
    for number in range(70):
        np.save(tmp_path / f"{number}.npy", FLAT[number])
    names = [str(tmp_path / f"{number}.npy") for number in range(70)]

    def data():
        return Augmented(names, LABELS, batch_size=8, workers=2)

    never, often = never_and_often_stopped(tmp_path, small, data)
    assert largest_difference(never, often) == 0
    one, other = data().shuffled(0)[0], data().shuffled(9)[0]
    assert len({image.tobytes() for image in [*one, *other]}) == 16


# What has changed since the training was saved: it is named, and the new one is used


def net(
    activation="relu", rate=0.5, l2=None, trainable=True, loss=None, adam=None, **more
):
    layers = keras.layers
    model = keras.Sequential([keras.Input((64,))])
    model.add(layers.Dense(8, activation, kernel_regularizer=l2, trainable=trainable))
    model.add(layers.Dropout(rate))
    model.add(layers.Dense(4))
    sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(**adam or {}), loss or sparse, **more)
    return model


def resumed(folder, capsys, build=small, epochs=2, **arguments):
    """Train one epoch more; return what was said, and the model."""
    capsys.readouterr()
    model, _ = start(folder, epochs, build, **arguments)
    return not_exact(capsys), model


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, []),
        (
            {"activation": "tanh"},
            ["model, layers 1 (Dense), activation changed from relu to tanh"],
        ),
        ({"rate": 0.3}, ["model, layers 2 (Dropout), rate changed from 0.5 to 0.3"]),
        (
            {"l2": "l2"},
            ["model, layers 1 (Dense), kernel_regularizer changed from None to L2"],
        ),
        (
            {"loss": "sparse_categorical_crossentropy"},
            [
                "compile, loss changed from SparseCategoricalCrossentropy to "
                "sparse_categorical_crossentropy"
            ],
        ),
        (
            {"adam": {"beta_1": 0.8}},
            ["optimizer, beta_1 changed from 0.9 to 0.8"],
        ),
        (
            {"adam": {"clipnorm": 1.0, "weight_decay": 0.01}},
            [
                "optimizer, weight_decay changed from None to 0.01",
                "optimizer, clipnorm changed from None to 1",
            ],
        ),
        (
            {"adam": {"learning_rate": 0.02}},
            ["optimizer, learning_rate changed from 0.001 to 0.02"],
        ),
        (
            {"trainable": False},
            [
                "model, layers 1 (Dense), trainable changed from True to False",
                "other weights are trained than before: optimizer begins anew.",
            ],
        ),
        ({"loss_weights": 2.0}, ["compile, loss_weights changed from None to 2"]),
    ],
)
def test_a_changed_setting_of_model_loss_or_optimizer_is_named(
    change, said, tmp_path, capsys
):
    start(tmp_path, 1, net)
    found, model = resumed(tmp_path, capsys, lambda: net(**change))
    ends = [""] if not said else [", which is used.", ""]
    assert [
        any(text == want + end for end in ends)
        for text, want in itertools.zip_longest(found, said)
    ] == [True] * len(said), found
    rate = change.get("adam", {}).get("learning_rate", 0.001)
    assert float(model.optimizer.learning_rate) == pytest.approx(rate)


def stopper(**settings):
    return keras.callbacks.EarlyStopping("loss", **settings)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"callbacks": [stopper(patience=3)]},
            "EarlyStopping, patience changed from 0",
        ),
        ({"callbacks": [stopper(mode="min")]}, "EarlyStopping, mode changed from auto"),
        (
            {"callbacks": [stopper(min_delta=1)]},
            "EarlyStopping, min_delta changed from",
        ),
        ({"callbacks": []}, "callbacks, EarlyStopping is gone"),
        ({"class_weight": {0: 2.0}}, "fit, class_weight is new"),
        ({"validation_data": (FLAT, LABELS)}, "fit, validation_data is new"),
        ({"data": lambda: batches_of(FLAT[:60], LABELS[:60])}, "data, parts 0 changed"),
        ({"data": lambda: batches_of(FLAT + 1, LABELS)}, "data, parts 0 changed"),
        (
            {"data": lambda: batches_of(FLAT, LABELS, seed=4)},
            "data, seed changed from 3",
        ),
        (
            {"data": lambda: batches_of(FLAT, LABELS, batch_size=9)},
            "data, batch_size changed from 8 to 9, which is used",
        ),
        (
            {"data": lambda: batches_of(FLAT, LABELS, steps_per_epoch=2)},
            "data, steps_per_epoch changed from 9 to 2",
        ),
    ],
)
def test_a_changed_setting_of_callbacks_fit_or_data_is_named(
    change, said, tmp_path, capsys
):
    start(tmp_path, 1, callbacks=[stopper()])
    arguments = {"callbacks": [stopper()], **change}
    if "data" in arguments:
        arguments["data"] = arguments["data"]()
    found, _ = resumed(tmp_path, capsys, **arguments)
    assert found[0].startswith((said, f"callbacks, {said}")), found


def test_a_layer_without_weights_that_is_new_is_named(tmp_path, capsys):
    def more():
        model = small()
        model.add(keras.layers.Dropout(0.1))
        model.compile("adam", model.loss)
        return model

    start(tmp_path, 1)
    found, _ = resumed(tmp_path, capsys, more)
    assert found == [
        "model, layers changed from 4 of them to 5 of them, which is used.",
        "2 random states are saved, not 3.",
    ]


def test_with_a_schedule_in_place_of_a_rate_adam_keeps_its_state(tmp_path, capsys):
    schedule = keras.optimizers.schedules.CosineDecay(0.001, 10**9)
    for epochs, rate in enumerate([0.001, schedule, 0.001], 1):
        _, model = resumed(
            tmp_path, capsys, lambda r=rate: net(adam={"learning_rate": r}), epochs
        )
        assert int(model.optimizer.iterations) == 9 * epochs
    never, _ = start(tmp_path / "never", 3, net)
    assert largest_difference(never, model) < 1e-6  # the decay is that slow


def test_another_optimizer_begins_anew_even_if_it_has_as_many_variables(
    tmp_path, capsys
):
    start(tmp_path, 1, lambda: small(optimizer=keras.optimizers.SGD(0.01, 0.9)))
    said, model = resumed(tmp_path, capsys, lambda: small(optimizer="rmsprop"))
    assert said == [
        "optimizer changed from SGD to RMSprop, which is used.",
        "optimizer begins anew.",
    ]
    assert int(model.optimizer.iterations) == 9
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_a_rate_that_a_callback_has_reduced_is_kept(tmp_path, capsys):
    for epochs in 2, 3:
        plateau = keras.callbacks.ReduceLROnPlateau("score", patience=1, mode="min")
        callbacks = [Score(1, 1, 1), plateau]
        said, model = resumed(tmp_path, capsys, net, epochs, callbacks=callbacks)
    assert said == []
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-5)


def test_another_batch_size_begins_a_new_pass_over_the_data(tmp_path, capsys):
    seen = []

    class Seen(resumable.Batches):
        def prepare(self, random, x):
            seen.append(x)
            return x, x

    def build():
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("adam", "mse")
        return model

    numbers = np.arange(12.0)[:, None]
    start(tmp_path, 1, build, Seen(numbers, batch_size=3, steps_per_epoch=2))
    seen.clear()
    start(tmp_path, 2, build, Seen(numbers, batch_size=4))
    passes = np.concatenate(seen[2:5]).ravel()  # Keras has looked at two batches
    assert sorted(passes) == list(range(12))


# Callbacks


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_callback_more_takes_no_other_ones_memory(place, tmp_path):
    def callbacks(more):
        stop = keras.callbacks.EarlyStopping(
            "score", mode="min", patience=9, restore_best_weights=True
        )
        found = [Score(1, 2, 3, 4), stop]
        found[place:place] = more
        return found

    start(tmp_path / "a", 2, callbacks=callbacks([]))
    more = keras.callbacks.ReduceLROnPlateau("score", mode="min")
    model, history = start(tmp_path / "a", 4, callbacks=callbacks([more]))
    never, whole = start(tmp_path / "b", 4, callbacks=callbacks([]))
    assert largest_difference(never, model) == 0
    assert history.history["loss"] == whole.history["loss"]


def test_swapped_averages_are_swapped_back(tmp_path, capsys):
    def build():
        return small(optimizer=keras.optimizers.Adam(0.01, use_ema=True))

    def swap():
        return [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)]

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 0

    never, _ = start(tmp_path / "never", 3, build, callbacks=swap())
    start(tmp_path / "often", 3, build, callbacks=[*swap(), Stop()])
    often, _ = start(tmp_path / "often", 3, build, callbacks=swap())
    assert largest_difference(never, often) == 0
    capsys.readouterr()
    # At its very end, SwapEMAWeights leaves the averages only.
    start(tmp_path / "often", 4, build, callbacks=swap())
    assert not_exact(capsys) == [
        "SwapEMAWeights left averaged weights only, at epoch 3."
    ]


def test_model_checkpoint_with_a_frequency_saves_the_same_batches(tmp_path):
    files = []
    for stops in [4], [1, 4]:
        folder = tmp_path / str(len(stops))
        for epochs in stops:
            every = keras.callbacks.ModelCheckpoint(
                folder / "{epoch}-{batch}.weights.h5",
                save_weights_only=True,
                save_freq=5,
            )
            start(folder, epochs, callbacks=[every])
        files.append(sorted(path.name for path in folder.glob("*.weights.h5")))
    assert files[0] == files[1] and len(files[0]) == 7


class Deque(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.rng = np.random.default_rng(1)
        self.table = [(1, 2)]

    def on_train_begin(self, logs=None):
        self.seen = collections.deque()

    def on_epoch_begin(self, epoch, logs=None):
        self.late = collections.deque()

    def on_epoch_end(self, epoch, logs=None):
        self.last = (1, epoch)


def test_what_of_a_callback_is_not_kept_is_said(tmp_path, capsys):
    functions = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None)
    start(tmp_path, 2, callbacks=[Deque(), functions])
    assert not_exact(capsys) == [
        "what the functions of LambdaCallback remember is not kept. Write a class.",
        "Deque.rng is not kept. Write get_state and set_state.",
        "Deque.seen is not kept. Write get_state and set_state.",
        "Deque.late is not kept. Write get_state and set_state.",
        "Deque.last is not kept. Write get_state and set_state.",
    ]


@pytest.mark.parametrize("one", [None, stopper(), (stopper(),)])
def test_callbacks_may_be_none_or_one(one, tmp_path):
    keras.utils.set_random_seed(1)
    resumable.fit(small(), flat(), tmp_path, callbacks=one, verbose=0)
    assert (tmp_path / "newest.keras").exists()


@pytest.mark.parametrize("append", [False, True])
def test_the_rows_of_csv_logger_are_those_of_a_training_never_stopped(append, tmp_path):
    class DieError(Exception):
        pass

    class Die(keras.callbacks.Callback):  # after CSVLogger has written
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise DieError

    logs = [tmp_path / "a.csv", tmp_path / "b.csv"]
    start(
        tmp_path / "a", 4, callbacks=[keras.callbacks.CSVLogger(logs[0], append=append)]
    )
    with pytest.raises(DieError):
        logger = keras.callbacks.CSVLogger(logs[1], append=append)
        start(tmp_path / "b", 4, callbacks=[logger, Die()])
    start(
        tmp_path / "b", 4, callbacks=[keras.callbacks.CSVLogger(logs[1], append=append)]
    )
    assert logs[0].read_bytes() == logs[1].read_bytes()
    with open(logs[0], encoding="utf-8") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == list("0123")


def test_a_state_that_would_come_back_otherwise_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Deque, "get_state", lambda self: {1: 2}, raising=False)
    with pytest.raises(TypeError, match=r"Deque.get_state must return a dict"):
        start(tmp_path, 1, callbacks=[Deque()])
    assert not (tmp_path / "newest.keras").exists()


def test_backup_and_restore_is_refused(tmp_path):
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(ValueError, match="Leave out BackupAndRestore"):
        start(tmp_path, 1, callbacks=[backup])


# Models


class Gan(keras.Model):
    """Two optimizers; they may be known by one name each, in a list, or in a dict."""

    def __init__(self):
        super().__init__()
        layers = keras.layers
        self.generator = keras.Sequential([keras.Input((4,)), layers.Dense(64)])
        self.discriminator = keras.Sequential(
            [keras.Input((64,)), layers.Dropout(0.2), layers.Dense(1)]
        )
        self.noise = keras.random.SeedGenerator(5)

    def compile(self, place):
        super().compile()
        adam, sgd = keras.optimizers.Adam(0.01), keras.optimizers.SGD(0.01, 0.9)
        if place == "names":
            self.g_optimizer, self._d_optimizer = adam, sgd
        elif place == "list":
            self.two = [adam, sgd]
        else:
            self.two = {"g": adam, "d": sgd}
        self.pair = adam, sgd

    def train_step(self, data):
        (real,) = data if isinstance(data, tuple) else (data,)
        g, d = self.pair
        noise = keras.random.normal((8, 4), seed=self.noise)
        with tf.GradientTape(persistent=True) as tape:
            fake = self.generator(noise)
            on_fake = self.discriminator(fake, training=True)
            on_real = self.discriminator(real, training=True)
            g_loss = tf.reduce_mean(tf.nn.softplus(-on_fake))
            d_loss = tf.reduce_mean(tf.nn.softplus(on_fake) + tf.nn.softplus(-on_real))
        for optimizer, part, loss in [
            (g, self.generator, g_loss),
            (d, self.discriminator, d_loss),
        ]:
            optimizer.apply(
                tape.gradient(loss, part.trainable_weights), part.trainable_weights
            )
        return {"g_loss": g_loss}


class GanWithCall(Gan):
    def call(self, noise):
        return self.generator(noise)


@pytest.mark.parametrize(
    ("kind", "place"),
    [(Gan, "names"), (Gan, "list"), (Gan, "dict"), (GanWithCall, "names")],
)
@pytest.mark.filterwarnings("error:Skipping variable loading")
def test_a_gan_with_two_optimizers_resumes(kind, place, tmp_path, capsys):
    def build():
        gan = kind()
        gan.compile(place)
        return gan

    never, often = never_and_often_stopped(
        tmp_path, build, lambda: batches_of(FLAT[:64], steps_per_epoch=3)
    )
    assert largest_difference(never, often) == 0
    assert len(never.get_weights()) == 4
    assert not_exact(capsys) == []


class OwnStep(keras.Model):
    """Trains with an optimizer that is hidden deep inside."""

    def __init__(self, place):
        super().__init__()
        self.dense = keras.layers.Dense(4)
        optimizer = keras.optimizers.Adam(0.1)
        self.parts = {"deep": [{"in": optimizer}]} if place == "deep" else {}
        self.__private = optimizer if place == "private" else None
        self.step = optimizer.apply

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self(data[0]) ** 2)
        self.step(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
        return {"loss": loss}


@pytest.mark.parametrize("place", ["deep", "private"])
@pytest.mark.parametrize("build_first", [False, True])
def test_a_hidden_optimizer_resumes(place, build_first, tmp_path, capsys):
    def build():
        model = OwnStep(place)
        model.compile()
        if build_first:
            model.build((None, 64))
        return model

    never, _ = start(tmp_path / "never", 4, build, flat())
    for epochs in 1, 2, 4:  # each start has to bring back what the one before had
        often, _ = start(tmp_path / "often", epochs, build, flat())
    assert largest_difference(never, often) == 0
    assert not_exact(capsys) == []


class Counts(keras.layers.Layer):
    def build(self, shape):
        self.count = tf.Variable(0.0)

    def call(self, x):
        self.count.assign_add(1.0)
        return x


def test_a_variable_that_is_none_of_keras_is_not_exact(tmp_path, capsys):
    def build():
        model = keras.Sequential([keras.Input((64,)), Counts(), keras.layers.Dense(4)])
        model.compile("sgd", small().loss)
        return model

    start(tmp_path, 2, build)
    (said,) = not_exact(capsys)
    assert said.endswith(
        ".count is no variable of Keras, so not saved. Use add_weight."
    )


def test_in_a_notebook_the_same_model_and_callbacks_serve_again(tmp_path, capsys):
    keras.utils.set_random_seed(1)
    model, stop = small(), stopper(patience=9)
    for epochs in 1, 3:
        resumable.fit(model, batches_of(FLAT, LABELS), tmp_path / "a", stop, epochs)
    never, _ = start(tmp_path / "b", 3, callbacks=[stopper(patience=9)])
    assert largest_difference(never, model) == 0
    assert not_exact(capsys) == []


class NoConfig(keras.Model):
    def __init__(self, layer):
        super().__init__()
        self.drop = keras.layers.Dropout(0.5)
        self.layer = layer

    def get_config(self):
        raise NotImplementedError("No config here.")

    def call(self, x, training=False):
        return self.layer(self.drop(x, training=training))


def without_config():
    model = NoConfig(keras.layers.Dense(4))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(True))
    return model


def test_a_model_without_get_config_is_saved_as_weights_and_resumes(tmp_path, capsys):
    never, often = never_and_often_stopped(tmp_path, without_config, flat)
    assert largest_difference(never, often) == 0
    said = capsys.readouterr().out.splitlines()
    assert (
        said[0]
        == f"{tmp_path / 'never'} gets weights only, not the model. No config here."
    )
    assert not any("Not exact" in line for line in said)
    assert sorted(path.name for path in (tmp_path / "often").iterdir()) == [
        *("lock", "newest.keras", "previous.keras")
    ]


def logged(folder):
    """Return what TensorBoard shows as curves: name, step and value, in order."""
    return [
        (value.tag, event.step, float(tf.make_ndarray(value.tensor)))
        for path in sorted(folder.rglob("events.*"))
        for record in tf.data.TFRecordDataset(str(path))
        for event in [event_pb2.Event.FromString(record.numpy())]
        for value in event.summary.value
        if value.tag.startswith(("batch_", "epoch_"))
    ]


def test_tensorboard_counts_batches_on_as_if_never_stopped(tmp_path):
    def train(folder, epochs):
        # Each batch and each epoch is written.
        logger = keras.callbacks.TensorBoard(tmp_path / folder / "logs", update_freq=1)
        start(tmp_path / folder, epochs, callbacks=[logger])

    train("never", 3)
    train("often", 1)
    train("often", 3)
    never, often = logged(tmp_path / "never"), logged(tmp_path / "often")
    assert {step for tag, step, _ in never if tag == "batch_loss"} == set(range(1, 28))
    assert often == never


# Data as a function of the epoch


def pipeline(epoch):
    def augmented(x, y):
        seed = tf.random.experimental.stateless_fold_in((epoch, 1), tf.reduce_sum(y))
        return x + tf.random.stateless_normal(tf.shape(x), seed), y

    data = tf.data.Dataset.from_tensor_slices((FLAT, LABELS))
    return data.shuffle(70, seed=epoch).batch(8).map(augmented)


def generator(epoch):
    order = np.random.default_rng(epoch).permutation(70)
    for start_of_batch in range(0, 70, 8):
        rows = order[start_of_batch : start_of_batch + 8]
        yield FLAT[rows], LABELS[rows]


class OfEpoch(keras.utils.PyDataset):
    def __init__(self, epoch):
        super().__init__()
        self.batches = list(generator(epoch))

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


def unbuilt():
    model = keras.Sequential([keras.layers.Dropout(0.5), keras.layers.Dense(4)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


@pytest.mark.parametrize(
    ("build", "data"), [(unbuilt, pipeline), (small, generator), (unbuilt, OfEpoch)]
)
def test_data_of_an_epoch_resume(build, data, tmp_path, capsys):
    steps = {"steps_per_epoch": 9} if data is generator else {}
    seen = []
    for stops in [3], [1, 3]:
        folder = tmp_path / str(len(stops))
        for epochs in stops:
            # tf.data's `shuffle` depends on the seed of the program, too.
            model, history = start(folder, epochs, build, data, seed=1, **steps)
        seen.append((model, history))
    assert largest_difference(seen[0][0], seen[1][0]) == 0
    assert seen[0][1].history == seen[1][1].history
    assert not_exact(capsys) == []


def test_callbacks_see_one_fit_over_data_of_epochs(tmp_path):
    told = []

    class Tells(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            told.append("begin")

        def on_train_end(self, logs=None):
            told.append("end")

        def on_epoch_begin(self, epoch, logs=None):
            told.append(epoch)

    start(tmp_path, 3, data=pipeline, callbacks=[Tells()])
    assert told == ["begin", 0, 1, 2, "end"]


def test_an_epoch_is_trained_with_its_own_data(tmp_path):
    model, _ = start(tmp_path, 2, data=generator, steps_per_epoch=9)
    keras.utils.set_random_seed(1)
    plain = small()
    for epoch in 0, 1:
        plain.fit(generator(epoch), steps_per_epoch=9, verbose=0)
    assert largest_difference(model, plain) == 0


def unseeded(epoch):
    data = tf.data.Dataset.from_tensor_slices((FLAT, LABELS))
    return data.shuffle(70).batch(8)


def test_a_function_that_gives_other_batches_is_not_exact(tmp_path, capsys):
    start(tmp_path, 1, data=unseeded)
    (said,) = not_exact(capsys)
    assert said.startswith(
        "data_of_epoch(0) gave other batches when it was called again"
    )
    start(tmp_path, 2, data=pipeline)
    assert not_exact(capsys)[0].startswith("data, first batch 0 changed from values")


@pytest.mark.parametrize(
    ("data", "more", "said"),
    [
        (generator, {}, "How many batches has an epoch"),
        (generator, {"steps_per_epoch": 12}, "gave 9 batches, not 12"),
        (lambda epoch: pipeline(epoch).repeat(), {}, "How many batches has an epoch"),
        (lambda epoch: iter([]), {"steps_per_epoch": 2}, "gave 0 batches, not 2"),
        (pipeline, {"batch_size": 8}, "Say batch_size in your function"),
        (
            pipeline,
            {"build": lambda: net(steps_per_execution=2)},
            "9 batches: steps_per_execution must divide",
        ),
    ],
)
def test_an_unknown_number_of_batches_is_one_sentence(data, more, said, tmp_path):
    with pytest.raises(Exception, match=said):
        start(tmp_path, 1, data=data, **more)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"initial_epoch": 3}, "Leave out initial_epoch"),
        ({"steps_per_epoch": 3}, r"Say steps_per_epoch in Batches\(...\)"),
        ({"batch_size": 3}, r"Say batch_size in Batches\(...\)"),
        ({"shuffle": True}, r"Say shuffle in Batches\(...\)"),
        ({"y": LABELS}, r"Say y in Batches\(...\)"),
        ({"build": keras.Sequential}, "The model is not compiled"),
    ],
)
def test_an_argument_without_a_meaning_here_is_refused(arguments, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        start(tmp_path, 1, **arguments)
    assert not (tmp_path / "newest.keras").exists()


TWO_TRAININGS = """
import sys
import resumable, keras, numpy as np, tensorflow as tf

keras.utils.set_random_seed(1)
folder = sys.argv[1]


class Say(keras.callbacks.Callback):
    def __init__(self, word):
        super().__init__()
        self.word = word

    def on_epoch_end(self, epoch, logs=None):
        print(self.word, epoch, flush=True)


def model():
    layers = keras.layers
    net = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3)])
    net.add(layers.BatchNormalization())
    net.add(layers.Flatten())
    net.add(layers.Dropout(0.3))
    net.add(layers.Dense(2))
    net.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return net


def images(epoch):
    def flipped(x, y):
        seed = tf.stack([epoch, tf.reduce_sum(tf.cast(x, tf.int32))])
        return tf.image.stateless_random_flip_left_right(x, seed), y

    data = keras.utils.image_dataset_from_directory(
        sys.argv[2], image_size=(8, 8), batch_size=4, seed=epoch, verbose=False
    )
    return data.map(flipped).prefetch(2)


def generator(epoch):
    random = np.random.default_rng(epoch)
    for _ in range(8):
        yield random.normal(size=(4, 8, 8, 3)), random.integers(0, 2, 4)


for word, data, steps in [("images", images, None), ("generator", generator, 8)]:
    net = model()
    say, best = Say(word), keras.callbacks.EarlyStopping("loss", patience=99)
    history = resumable.fit(
        net, data, f"{folder}/{word}", [say, best], 9, steps_per_epoch=steps, verbose=0
    )
    np.savez(f"{folder}/{word}.npz", *net.get_weights(), loss=history.history["loss"])
    print("end", word, *history.epoch, flush=True)
"""


def test_image_folders_and_generators_are_exact_after_real_kills(tmp_path):
    generator = np.random.default_rng(1)
    for number in range(32):
        kind = tmp_path / "png" / str(number % 2)
        kind.mkdir(parents=True, exist_ok=True)
        image = generator.integers(0, 255, (8, 8, 3))
        keras.utils.save_img(kind / f"{number}.png", image, scale=False)
    (tmp_path / "training.py").write_text(TWO_TRAININGS)
    never, killed = tmp_path / "never", tmp_path / "killed"
    program = [tmp_path / "training.py"]
    path = {"env": {"PYTHONPATH": str(ROOT)}}
    reference = python(*program, never, tmp_path / "png", **path)
    for word in "images", "generator":
        process = python(*program, killed, tmp_path / "png", **path)
        lines = kill_after(process, word, 0)
        assert process.wait() != 0
        assert not any(line.startswith(f"end {word}") for line in lines), "too late"
    last = python(*program, killed, tmp_path / "png", **path)
    output = last.communicate(timeout=200)[0]
    assert "Not exact" not in output
    ends = [line for line in output.splitlines() if line.startswith("end")]
    wanted = reference.communicate(timeout=200)[0].splitlines()
    assert ends == [line for line in wanted if line.startswith("end")]
    for word in "images", "generator":
        with np.load(never / f"{word}.npz") as a, np.load(killed / f"{word}.npz") as b:
            assert set(a) == set(b)
            for name in a:
                np.testing.assert_array_equal(a[name], b[name])


ELSEWHERE = """
import sys
import resumable
import keras, numpy as np

assert "tensorflow" not in sys.modules
on_torch = keras.backend.backend() == "torch"
x = np.random.default_rng(1).normal(size=(70, 8)).astype("float32")


def generator(epoch):
    order = np.random.default_rng(epoch).permutation(70)
    for place in range(0, 70, 8):
        rows = order[place : place + 8]
        yield x[rows], x[rows, :1]


def train(folder, data, epochs, seed, **more):
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    dropout = layers.Dropout(0.4, seed=5 if on_torch else None)
    model = keras.Sequential([dropout, layers.Dense(4), layers.Dense(1)])
    model.compile("adam", "mse")
    stop = keras.callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True)
    resumable.fit(model, data, folder, stop, epochs, verbose=0, **more)
    return model.get_weights()


batches = resumable.Batches(x, x[:, :1], batch_size=8)
for name, data, more in [("b", batches, {}), ("g", generator, {"steps_per_epoch": 9})]:
    never = train(f"{sys.argv[1]}/{name} never", data, 3, 1, **more)
    train(f"{sys.argv[1]}/{name}", data, 1, 1, **more)
    often = train(f"{sys.argv[1]}/{name}", data, 3, 2, **more)
    print(max(np.abs(a - b).max() for a, b in zip(never, often)))
if on_torch:
    on_torch = False  # as people write it: Dropout without a seed
    train(f"{sys.argv[1]}/unseeded", batches, 1, 1)
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_on_another_backend_it_is_exact_or_says_so(backend, tmp_path):
    need(importlib.util.find_spec(backend), f"{backend} is not installed")
    environment = {"KERAS_BACKEND": backend}
    process = python("-c", ELSEWHERE, tmp_path, cwd=ROOT, env=environment)
    wanted = ["Continuing after epoch 1.", "0.0"] * 2
    if backend == "torch":
        wanted.append("Not exact: with PyTorch, dropout is not kept. Give it a seed=.")
    said = process.communicate(timeout=200)[0]
    # Keras counts layers of one kind.
    assert re.sub(r"dropout_\d+", "dropout", said).splitlines() == wanted


def test_batches_that_threads_count_in_another_order_are_all_counted(tmp_path):
    # As it happens where Keras calls them in threads.
    saver = resumable.Saver(tmp_path, [], {})
    saver.tried = True
    saver.set_params({"steps": 3, "epochs": 1})
    saver.set_model(small())
    saver.at_start = {}
    saver.on_epoch_begin(0)
    for batch in 0, 2, 1:
        saver.on_train_batch_end(batch)
    saver.on_epoch_end(0)
    assert saver.state["batches"] == 3


# Three ways to end


class Stop(keras.callbacks.Callback):
    """Stops as a handler of SIGTERM would, at the end of an epoch or inside it."""

    def __init__(self, epoch, batch=None):
        super().__init__()
        self.epoch, self.batch = epoch, batch

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch and batch == self.batch:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            self.model.stop_training = True


@pytest.mark.parametrize(("batch", "done"), [(None, 2), (3, 1), (8, 2)])
def test_a_training_that_was_stopped_continues(batch, done, tmp_path, capsys):
    never, whole = start(tmp_path / "never", 3)
    start(tmp_path / "often", 3, callbacks=[Stop(1, batch)])
    inside = "Epoch 2 was stopped"
    assert capsys.readouterr().out.startswith(inside) == (done == 1)
    model, history = start(tmp_path / "often", 3, callbacks=[Stop(9, batch)])
    assert f"Continuing after epoch {done}.\n" in capsys.readouterr().out
    assert largest_difference(never, model) == 0
    assert history.history == whole.history


def test_with_more_patience_a_training_that_early_stopping_ended_continues(
    tmp_path, capsys
):
    def callbacks(patience):
        stop = keras.callbacks.EarlyStopping(
            "score", mode="min", patience=patience, restore_best_weights=True
        )
        return [Score(1, 2, 3, 0, 4, 5, 6, 7), stop]

    never, whole = start(tmp_path / "never", 7, callbacks=callbacks(3))
    _, history = start(tmp_path / "often", 7, callbacks=callbacks(2))
    assert history.epoch == [0, 1, 2]
    start(tmp_path / "often", 9, callbacks=callbacks(2))
    assert "EarlyStopping ended this training after epoch 3" in capsys.readouterr().out
    model, history = start(tmp_path / "often", 7, callbacks=callbacks(3))
    assert capsys.readouterr().out.splitlines() == [
        "Not exact: callbacks, EarlyStopping, patience changed from 2 to 3, which is used.",
        "Continuing after epoch 3.",
    ]
    assert largest_difference(never, model) == 0
    assert history.history == whole.history and history.epoch[-1] == 6
    model, history = start(tmp_path / "often", 8, callbacks=[Score(*range(8))])
    assert history.epoch == list(range(8))


class Poison(resumable.Batches):
    def prepare(self, random, x, y):
        return x, y, np.full(len(x), np.nan if self.poison else 1.0)


def test_an_epoch_that_terminate_on_nan_ended_is_not_saved(tmp_path, capsys):
    def data(poison):
        found = Poison(FLAT, LABELS, batch_size=8)
        found.poison = poison
        return found

    never, _ = start(tmp_path / "never", 3, data=data(False))
    start(tmp_path / "often", 2, data=data(False))
    nan = [keras.callbacks.TerminateOnNaN()]
    start(tmp_path / "often", 3, data=data(True), callbacks=nan)
    assert capsys.readouterr().out.splitlines()[-1] == (
        "Epoch 3 was stopped with a loss of nan, and is not saved: the next start "
        "continues after epoch 2."
    )
    model, _ = start(tmp_path / "often", 3, data=data(False))
    assert largest_difference(never, model) == 0


# Files


def damage(path):
    """Return copies of a file's content that each have one byte changed somewhere."""
    content = path.read_bytes()
    directory = content.rindex(b"PK\x01\x02")  # the last entry of the zip's directory
    for place in [*range(directory, directory + 60), *range(-22, 0)]:
        changed = bytearray(content)
        changed[place] ^= 0xFF
        yield bytes(changed)


def test_damage_to_the_directory_of_the_zip_is_damage_and_no_other_error(tmp_path):
    start(tmp_path, 1)
    newest = tmp_path / "newest.keras"
    whole = newest.read_bytes()
    found = []
    for changed in damage(newest):
        newest.write_bytes(changed)
        found.append(resumable.is_complete(newest))
    assert found.count(False) > 30  # some bytes, such as dates, nobody reads
    newest.write_bytes(whole)
    assert resumable.is_complete(newest)


@pytest.mark.parametrize("member", sorted(resumable.MEMBERS))
def test_a_file_without_one_of_its_members_is_not_complete(member, tmp_path):
    start(tmp_path, 1)
    with zipfile.ZipFile(tmp_path / "newest.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    del members[member]
    with zipfile.ZipFile(tmp_path / "less.keras", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert not resumable.is_complete(tmp_path / "less.keras")


def test_without_a_file_descriptor_nothing_is_called_damaged(tmp_path):
    start(tmp_path, 2)
    program = (
        "import resource, sys, pathlib, resumable\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\n"
        "resumable.newest_complete_file(pathlib.Path(sys.argv[1]))\n"
    )
    if os.name != "posix":
        pytest.skip("limits of processes are those of POSIX")
    before = {path: path.read_bytes() for path in tmp_path.glob("*.keras")}
    finished = subprocess.run(
        [sys.executable, "-c", program, tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.stderr.splitlines()[-1].startswith("OSError: [Errno 24] Too many")
    assert {path: path.read_bytes() for path in tmp_path.glob("*.keras")} == before


LOCKED = """
import sys, time, pathlib, resumable
with resumable.only_process(pathlib.Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(100)
"""


def test_a_second_process_is_refused_until_the_first_one_is_killed(tmp_path):
    first = python("-c", LOCKED, tmp_path, cwd=ROOT)
    assert first.stdout.readline() == "locked\n"
    said = f"Process {first.pid} on .* trains in .*: stop it, or take another folder"
    with pytest.raises(RuntimeError, match=said):
        start(tmp_path, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
    first.kill()
    first.communicate()
    start(tmp_path, 1)
    assert (tmp_path / "newest.keras").exists()


@pytest.mark.parametrize(("build", "trained"), [(small, []), (without_config, [0])])
def test_that_nothing_can_be_saved_is_noticed_before_an_epoch(build, trained, tmp_path):
    """Before the first batch, and after it if that builds the model."""
    batches = []

    class Counts(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            batches.append(batch)

    with pytest.raises(OSError, match=r"Nothing can be saved in .*: .*new"):
        for name in "new.keras", "new.weights.h5":  # nothing can be written
            (tmp_path / "run" / name).mkdir(parents=True)
        start(tmp_path / "run", 2, build, callbacks=[Counts()])
    assert batches == trained
