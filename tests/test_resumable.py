"""resumable.py: what is killed and started again ends like what was never killed.

In most tests a training is stopped by few epochs, and started again in the same
process, with another seed and a new model. In two of them real processes are killed.
"""

import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import resumable

import keras
import numpy as np
import pytest
import tensorflow as tf

ROOT = Path(__file__).resolve().parent.parent
IMAGES = np.random.default_rng(1).normal(size=(70, 8, 8, 1)).astype("float32")
LABELS = np.random.default_rng(2).integers(0, 4, 70)
FLAT = IMAGES.reshape(70, 64)


def cnn(**compile_settings):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.RandomTranslation(0.1, 0.1),
            layers.Conv2D(4, 3),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dropout(0.4),
            layers.Dense(4),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    adam = keras.optimizers.Adam(0.01)
    model.compile(adam, loss, metrics=["accuracy"], **compile_settings)
    return model


def small(units=8, rate=0.5, optimizer="adam"):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(units, "relu"),
            layers.Dropout(rate),
            layers.Dense(4),
        ]
    )
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(True))
    return model


def batches_of(*parts, **settings):
    return resumable.Batches(*parts, **{"batch_size": 8, "seed": 3, **settings})


def start(folder, epochs, build=small, data=None, callbacks=(), seed=None, **arguments):
    """Start a program once more: another seed each time, but for a new training."""
    if seed is None:
        seed = 1000 + epochs if (folder / "newest.keras").exists() else 1
    keras.utils.set_random_seed(seed)
    model = build()
    data = batches_of(FLAT, LABELS) if data is None else data
    arguments = {"verbose": 0, **arguments}
    history = resumable.fit(
        model, data, folder, epochs=epochs, callbacks=list(callbacks), **arguments
    )
    return model, history


def largest_difference(model, other):
    pairs = zip(model.get_weights(), other.get_weights(), strict=True)
    return max(
        np.abs(a.astype("float64") - b.astype("float64")).max() for a, b in pairs
    )


def rewrite(path, change):
    """Write training.json anew, as a function has changed it."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    saved = json.loads(members["training.json"])
    change(saved, members)
    members["training.json"] = json.dumps(saved).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


class Score(keras.callbacks.Callback):
    """Puts numbers that a test has chosen into the log."""

    def __init__(self, *scores):
        super().__init__()
        self.scores = scores

    def on_epoch_end(self, epoch, logs=None):
        logs["score"] = self.scores[epoch]


# Real processes, really killed

TRAINING = """
import sys
import resumable, keras, numpy as np
sys.path.append(sys.argv[2])
from test_resumable import IMAGES, LABELS, batches_of, cnn


class Say(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        print("epoch", epoch, flush=True)

    def on_epoch_end(self, epoch, logs=None):
        print("saving", epoch, flush=True)


keras.utils.set_random_seed(1)
model = cnn()
reduce = keras.callbacks.ReduceLROnPlateau(
    "loss", factor=0.5, patience=1, min_delta=0.1, cooldown=1
)
stop = keras.callbacks.EarlyStopping(
    "val_accuracy", patience=9, restore_best_weights=True
)
history = resumable.fit(
    model,
    batches_of(IMAGES, LABELS, steps_per_epoch=5),
    sys.argv[1],
    epochs=90,
    validation_data=(IMAGES[:40], LABELS[:40]),
    callbacks=[reduce, stop, Say()],
    verbose=0,
)
np.savez(sys.argv[1] + "/end.npz", *model.get_weights(), **history.history)
print("end", *history.epoch, flush=True)
"""


def python(*arguments, **settings):
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **settings.pop("env", {})}
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        env=quiet,
        **settings,
    )


def kill_after(process, line, seconds):
    """Read until a line has come for the second time, wait, kill.

    Returns:
        list of str: all lines, also those that came before the process was dead.
    """
    lines = []
    for text in process.stdout:
        lines.append(text.strip())
        if [each.split()[0] for each in lines].count(line) == 2:
            break
    time.sleep(seconds)
    process.kill()
    return lines + process.stdout.read().splitlines()


def test_killed_at_any_moment_it_ends_like_the_training_that_was_never_killed(tmp_path):
    shutil.copy(ROOT / "resumable.py", tmp_path)
    (tmp_path / "training.py").write_text(TRAINING)
    never, killed = tmp_path / "never killed", tmp_path / "killed"
    reference = python(tmp_path / "training.py", never, ROOT / "tests")
    moment = random.Random(4)
    begins = []
    for line in ["saving", "epoch", "saving"]:
        process = python(tmp_path / "training.py", killed, ROOT / "tests")
        longest = 0.02 if line == "saving" else 0.1
        lines = kill_after(process, line, moment.uniform(0, longest))
        assert process.wait() != 0
        assert not lines[-1].startswith("end"), "too late"
        begins.append(
            int(next(each for each in lines if "epoch" in each.split()[0])[6:])
        )
    process = python(tmp_path / "training.py", killed, ROOT / "tests")
    last_line = process.communicate(timeout=100)[0].splitlines()[-1]
    assert last_line == reference.communicate(timeout=100)[0].splitlines()[-1]
    assert begins == sorted(set(begins)), "each start continues where the last one was"
    with np.load(never / "end.npz") as one, np.load(killed / "end.npz") as other:
        assert set(one) == set(other) and len(one["loss"]) < 90, (
            "EarlyStopping stopped it"
        )
        assert one["learning_rate"][-1] < 0.01, "the learning rate was reduced"
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def test_own_training_is_killed_and_started_again_as_a_user_would(tmp_path):
    places = [tmp_path / "never killed", tmp_path / "killed"]
    for place in places:
        (place / "datasets").mkdir(parents=True)
        for name in ["resumable.py", "programs/own_training.py"]:
            shutil.copy(ROOT / name, place)
        with np.load(ROOT / "datasets" / "mnist.npz") as mnist:
            few = {name: mnist[name][:3200] for name in mnist.files}
        np.savez(place / "datasets" / "mnist.npz", **few)
    reference = python(places[0] / "own_training.py", cwd=places[0])
    first = python(places[1] / "own_training.py", cwd=places[1])
    for line in first.stdout:
        if line.startswith("Epoch 3"):
            break
    first.kill()
    second = python(places[1] / "own_training.py", cwd=places[1]).communicate()[0]
    assert first.wait() != 0
    assert second.startswith("Continuing after epoch 2.\nEpoch 3/5\n")
    evaluation = reference.communicate()[0].splitlines()[-1].split(" - ")[-2:]
    assert second.splitlines()[-1].split(" - ")[-2:] == evaluation
    results = [place / "saved" / "own_training.keras" for place in places]
    never_killed, killed = map(keras.models.load_model, results)
    assert largest_difference(never_killed, killed) == 0
    third = python(places[1] / "own_training.py", cwd=places[1]).communicate()[0]
    assert third.startswith("This training ended after epoch 5. ")
    assert third.splitlines()[-1].split(" - ")[-2:] == evaluation
    assert largest_difference(keras.models.load_model(results[1]), killed) == 0


def test_copied_alone_it_needs_nothing_of_this_project(tmp_path):
    shutil.copy(ROOT / "resumable.py", tmp_path)
    (tmp_path / "chinese.po").write_text("the reader's own file")
    (tmp_path / "mine.py").write_text(
        "import sys, resumable, keras, numpy as np\n"
        "model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\n"
        "model.compile(loss='mse')\n"
        "batches = resumable.Batches(np.ones((9, 2)), np.ones(9))\n"
        "resumable.fit(model, batches, 'my run', epochs=2, verbose=0)\n"
        "print('Continuing after epoch 3.')\n"
        "print([name for name in sys.modules if name in sys.argv[1:]])\n"
    )
    ours = [path.stem for path in ROOT.glob("*.py") if path.stem != "resumable"]
    mine = python("mine.py", *ours, cwd=tmp_path, env={"LANG": "zh_CN.UTF-8"})
    assert mine.communicate()[0] == "Continuing after epoch 3.\n[]\n"
    assert (tmp_path / "my run" / "newest.keras").exists()


def test_own_training_has_at_most_30_lines_and_needs_resumable_py_only():
    text = (ROOT / "programs" / "own_training.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 30
    assert "import lesson" not in text and "import models" not in text


# Each part by itself: with all of them there is no difference, without one there is.


def memories():
    """A learning rate that is reduced twice, and a training that is stopped."""
    scores = [5.0, 6.0, 4.0, 4.1, 4.2, 3.9, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0]
    return [
        Score(*scores),
        keras.callbacks.ReduceLROnPlateau(
            "score", factor=0.5, patience=2, min_delta=0.05, mode="min", cooldown=1
        ),
        keras.callbacks.EarlyStopping(
            "score", patience=4, mode="min", restore_best_weights=True
        ),
    ]


def images():
    return batches_of(IMAGES, LABELS, steps_per_epoch=5)


@pytest.fixture(scope="module")
def never_stopped(tmp_path_factory):
    return start(tmp_path_factory.mktemp("never"), 12, cnn, images(), memories())


@pytest.fixture(scope="module")
def after_seven_epochs(tmp_path_factory):
    """A folder with a training that was stopped after four epochs, and after seven."""
    folder = tmp_path_factory.mktemp("seven")
    start(folder, 4, cnn, images(), memories())
    start(folder, 7, cnn, images(), memories())
    return folder


def without_random_states(saved, members):
    assert len(saved["random"]) == 3  # of two layers, and of Keras itself
    saved["random"] = []


def without_place_in_the_data(saved, members):
    assert saved["state"]["batches"] == 35
    saved["state"]["batches"] = 0


def without_memory_of_reduce_lr_on_plateau(saved, members):
    del saved["memory"]["ReduceLROnPlateau"]


def without_memory_of_early_stopping(saved, members):
    del saved["memory"]["EarlyStopping"]


def without_best_weights(saved, members):
    del saved["memory"]["EarlyStopping"]["best_weights"]


def without_history(saved, members):
    del saved["memory"]["History"]


def continued(folder, copy, change=None):
    shutil.copytree(folder, copy)
    if change is not None:
        rewrite(copy / "newest.keras", change)
    return start(copy, 12, cnn, images(), memories())


def test_with_all_parts_nothing_differs(never_stopped, after_seven_epochs, tmp_path):
    model, history = continued(after_seven_epochs, tmp_path / "copy")
    assert largest_difference(model, never_stopped[0]) == 0
    assert history.history == never_stopped[1].history
    assert history.epoch == never_stopped[1].epoch == list(range(10)), (
        "12 were asked for"
    )
    rates = [0.01] * 5 + [0.005] * 3 + [0.0025] * 2
    assert history.history["learning_rate"] == pytest.approx(rates)


@pytest.mark.parametrize(
    "change",
    [
        without_random_states,
        without_place_in_the_data,
        without_memory_of_reduce_lr_on_plateau,
        without_memory_of_early_stopping,
        without_best_weights,
        without_history,
    ],
)
def test_without_one_part_the_result_is_another(
    change, never_stopped, after_seven_epochs, tmp_path
):
    model, history = continued(after_seven_epochs, tmp_path / "copy", change)
    loss, never = history.history["loss"], never_stopped[1].history["loss"]
    if change is without_best_weights:
        assert largest_difference(model, never_stopped[0]) > 1e-4
    elif change is without_memory_of_early_stopping:
        assert len(loss) > len(never) and loss[:10] == never
    elif change is without_history:
        assert history.epoch == [7, 8, 9] and loss == never[7:]
    elif change is without_memory_of_reduce_lr_on_plateau:
        # The learning rate itself is in the file; the next reduction comes too late.
        assert loss[:8] == never[:8] and loss[8:] != never[8:]
    else:
        assert loss[:7] == never[:7] and abs(loss[7] - never[7]) > 1e-4


def test_resumed_from_the_keras_file_by_keras_alone_the_weights_differ(
    never_stopped, after_seven_epochs
):
    model = keras.models.load_model(after_seven_epochs / "newest.keras")
    data = images()
    batches = (data.shuffled(number) for number in itertools.count(35))
    model.fit(batches, initial_epoch=7, epochs=10, steps_per_epoch=5, verbose=0)
    assert largest_difference(model, never_stopped[0]) > 1e-4


# The end of a training


def test_a_training_that_was_stopped_early_stays_stopped(
    never_stopped, after_seven_epochs, tmp_path, capsys
):
    continued(after_seven_epochs, tmp_path / "copy")
    capsys.readouterr()
    model, history = start(tmp_path / "copy", 99, cnn, images(), memories())
    assert capsys.readouterr().out == (
        "EarlyStopping ended this training after epoch 10. To continue, leave it out or "
        "give it a patience above 4.\n"
    )
    assert history.epoch == list(range(10)), "epoch 6 was the best, epoch 10 the last"
    assert largest_difference(model, never_stopped[0]) == 0, "the best weights are back"


def test_with_more_epochs_a_training_continues_from_its_last_epoch(tmp_path, capsys):
    start(tmp_path / "a", 2)
    start(tmp_path / "a", 2)
    assert capsys.readouterr().out == (
        "This training ended after epoch 2. To continue, raise `epochs`.\n"
    )
    model, _ = start(tmp_path / "a", 4)
    assert capsys.readouterr().out == "Continuing after epoch 2.\n"
    assert largest_difference(model, start(tmp_path / "b", 4)[0]) == 0


# What it works with


def test_a_rate_that_callbacks_have_lowered_is_no_change_of_the_program(
    tmp_path, capsys
):
    # As in a notebook: one model is trained twice, and then the program starts again.
    def lower():
        return [keras.callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=9)]

    _, wanted = start(tmp_path / "never", 5, callbacks=lower())
    model, _ = start(tmp_path / "again", 2, callbacks=lower())
    settings = {"epochs": 3, "callbacks": lower(), "verbose": 0}
    resumable.fit(model, batches_of(FLAT, LABELS), tmp_path / "again", **settings)
    _, history = start(tmp_path / "again", 5, callbacks=lower())
    assert "Not exact" not in capsys.readouterr().out
    assert len(set(wanted.history["learning_rate"])) > 2
    assert history.history == wanted.history


def never_and_often_stopped(tmp_path, build, data, callbacks=tuple):
    """Train four epochs at once, and with two stops; return both models."""
    never, _ = start(tmp_path / "never", 4, build, data(), callbacks())
    for epochs in [1, 4]:
        model, _ = start(tmp_path / "often", epochs, build, data(), callbacks())
    return never, model


class Noisy(keras.layers.Layer):
    """Your own layer, registered nowhere, with random numbers of its own."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.generator = keras.random.SeedGenerator()
        self.dense = keras.layers.Dense(8)

    def build(self, shape):
        self.dense.build(shape)

    def call(self, x, training=False):
        noise = keras.random.normal(keras.ops.shape(x), seed=self.generator)
        return self.dense(x + noise if training else x)


def two_inputs_and_outputs():
    layers = keras.layers
    left, right = keras.Input((64,), name="left"), keras.Input((64,), name="right")
    noisy = Noisy()
    both = layers.Dropout(0.3)(layers.Concatenate()([noisy(left), noisy(right)]))
    outputs = {
        "kind": layers.Dense(4, name="kind")(both),
        "size": layers.Dense(1)(both),
    }
    model = keras.Model({"left": left, "right": right}, outputs)
    sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", {"kind": sparse, "size": "mse"}, metrics={"kind": "accuracy"})
    return model


class ListOfInputs(keras.Model):
    """Subclassed, without `build`, without `get_config`, registered nowhere."""

    def __init__(self):
        super().__init__()
        self.noisy = Noisy()
        self.drop = keras.layers.Dropout(0.5)
        self.out = keras.layers.Dense(4)

    def call(self, inputs, training=False):
        left, right = inputs
        x = self.noisy(left, training=training) + self.noisy(right, training=training)
        return self.out(self.drop(x, training=training))


def subclassed_with_a_list():
    model = ListOfInputs()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def built_without_variables():
    model = subclassed_with_a_list()
    model.build([(None, 64), (None, 64)])
    assert model.built and not model.weights, "so Keras says"
    return model


def unbuilt_sequential():
    model = keras.Sequential([keras.layers.Dropout(0.5), keras.layers.Dense(4)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def frozen():
    model = small()
    model.layers[0].trainable = False
    model.compile(
        "rmsprop", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    return model


def with_averaged_weights():
    return small(optimizer=keras.optimizers.SGD(0.1, momentum=0.9, use_ema=True))


def with_schedule():
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 30)
    return small(optimizer=keras.optimizers.AdamW(schedule, clipnorm=1.0))


def several_batches_at_once():
    return cnn(steps_per_execution=2)


def compiled_to_machine_code():
    model = small()
    model.compile("adam", model.loss, jit_compile=True)
    return model


def flat():
    return batches_of(FLAT, LABELS, np.linspace(0, 1, 70))


def dicts():
    targets = {"kind": LABELS, "size": FLAT[:, :1]}
    return batches_of({"left": FLAT, "right": -FLAT}, targets, steps_per_epoch=5)


def lists():
    return batches_of([FLAT, -FLAT], LABELS, steps_per_epoch=5)


@pytest.mark.parametrize(
    ("build", "data"),
    [
        (two_inputs_and_outputs, dicts),
        (subclassed_with_a_list, lists),
        (built_without_variables, lists),
        (unbuilt_sequential, flat),
        (frozen, flat),
        (with_averaged_weights, flat),
        (with_schedule, flat),
        (several_batches_at_once, images),
        (compiled_to_machine_code, flat),
    ],
)
@pytest.mark.filterwarnings("error:Skipping variable loading")
@pytest.mark.filterwarnings("error:The structure of")
@pytest.mark.filterwarnings("ignore:`build..` was called on layer 'list_of_inputs")
def test_it_works_with(build, data, tmp_path, capsys):
    never, often = never_and_often_stopped(tmp_path, build, data)
    assert largest_difference(never, often) == 0
    assert "Not exact" not in capsys.readouterr().out


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "bfloat16"])
def test_it_works_with_the_precision(policy, tmp_path, capsys):
    keras.config.set_dtype_policy(policy)
    try:
        never, often = never_and_often_stopped(
            tmp_path,
            small,
            flat,
            lambda: [
                Score(4, 1, 2, 3),
                keras.callbacks.EarlyStopping(
                    "score", mode="min", patience=9, restore_best_weights=True
                ),
            ],
        )
    finally:
        keras.config.set_dtype_policy("float32")
    assert largest_difference(never, often) == 0
    assert "Not exact" not in capsys.readouterr().out


def test_with_seven_batches_at_once_an_epoch_of_ten_has_fourteen(tmp_path):
    """Keras trains to a multiple of steps_per_execution, and so does the place."""

    def build():
        return cnn(steps_per_execution=7)

    def data():
        return batches_of(IMAGES, LABELS, steps_per_epoch=10)

    never, often = never_and_often_stopped(tmp_path, build, data)
    assert int(never.optimizer.iterations) == 4 * 14
    assert largest_difference(never, often) == 0


class Restless(keras.callbacks.Callback):
    """Your own callback: each epoch has a smaller learning rate than the last."""

    def on_train_begin(self, logs=None):
        self.rates = [0.01]

    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate = self.rates[-1]
        self.rates.append(self.rates[-1] / 2)

    def get_state(self):
        return {"rates": np.array(self.rates)}

    def set_state(self, state):
        self.rates = state["rates"].tolist()


def test_a_callback_of_ones_own_gets_its_state_back(tmp_path):
    never, often = never_and_often_stopped(tmp_path, small, flat, lambda: [Restless()])
    assert largest_difference(never, often) == 0


def test_without_get_state_numbers_and_lists_of_a_callback_are_kept(
    tmp_path, monkeypatch
):
    monkeypatch.delattr(Restless, "get_state")
    monkeypatch.delattr(Restless, "set_state")
    never, often = never_and_often_stopped(tmp_path, small, flat, lambda: [Restless()])
    assert largest_difference(never, often) == 0


def test_a_class_derived_from_a_callback_of_keras_remembers_as_that_one_does(tmp_path):
    class Patient(keras.callbacks.EarlyStopping):
        pass

    for epochs in [2, 3]:
        patient = Patient("score", mode="min", patience=9)
        start(tmp_path, epochs, callbacks=[Score(1, 2, 3), patient])
    assert (patient.best, patient.wait) == (1, 2)


def test_two_callbacks_of_a_kind_keep_apart_what_they_remember(tmp_path):
    for epochs in [2, 4]:
        callbacks = [
            Score(1, 2, 3, 4),
            keras.callbacks.EarlyStopping("score", mode="min", patience=9),
            keras.callbacks.EarlyStopping("score", mode="max", patience=9),
        ]
        start(tmp_path, epochs, callbacks=callbacks)
    assert [callback.best for callback in callbacks[1:]] == [1, 4]


@pytest.mark.parametrize("remember", [True, False])
def test_model_checkpoint_keeps_the_best_only_if_it_remembers(remember, tmp_path):
    def change(saved, members):
        if not remember:
            del saved["memory"]["ModelCheckpoint"]

    for epochs in [2, 3]:
        best = keras.callbacks.ModelCheckpoint(
            tmp_path / "best.keras", "score", mode="min", save_best_only=True
        )
        model, _ = start(tmp_path, epochs, callbacks=[Score(1, 2, 3), best])
        rewrite(tmp_path / "newest.keras", change)
    worst = keras.models.load_model(tmp_path / "best.keras")
    assert (largest_difference(model, worst) > 0) == remember


def test_a_new_training_is_the_one_of_model_fit(tmp_path):
    model, _ = start(tmp_path, 2)
    keras.utils.set_random_seed(1)
    plain = small()
    data = batches_of(FLAT, LABELS)
    batches = (data.shuffled(number) for number in itertools.count())
    plain.fit(batches, epochs=2, steps_per_epoch=9, verbose=0)
    assert largest_difference(model, plain) == 0


def test_the_file_opens_with_keras_alone(tmp_path):
    model, _ = start(tmp_path, 2)
    loaded = keras.models.load_model(tmp_path / "newest.keras")
    np.testing.assert_array_equal(loaded(FLAT), model(FLAT))
    assert int(loaded.optimizer.iterations) == 18
    with zipfile.ZipFile(tmp_path / "newest.keras") as archive:
        assert set(archive.namelist()) == {
            *("config.json", "metadata.json", "model.weights.h5"),
            "training.json",
        }
    loaded.fit(FLAT, LABELS, verbose=0)


# Random numbers and states that are no variables of the model


class Rough(keras.layers.Layer):
    """Random numbers without a SeedGenerator."""

    def call(self, x):
        return x + keras.random.normal(keras.ops.shape(x))


def with_rough():
    model = keras.Sequential([keras.Input((64,)), Rough(), keras.layers.Dense(4)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def stateful():
    layers = keras.layers
    lstm = layers.LSTM(4, stateful=True)
    model = keras.Sequential(
        [keras.Input((8, 8), batch_size=10), lstm, layers.Dense(4)]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def tens():
    return batches_of(IMAGES[..., 0], LABELS, batch_size=10)


@pytest.mark.parametrize(("build", "data"), [(with_rough, flat), (stateful, tens)])
def test_it_keeps_the_random_state_of_keras_and_the_states_of_an_lstm(
    build, data, tmp_path
):
    never, often = never_and_often_stopped(tmp_path, build, data)
    assert largest_difference(never, often) == 0


# What cannot be exact is said before the training


def other_layers():
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(8, "relu")])
    model.add(keras.layers.Dense(4))  # the same weights, without Dropout
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(True))
    return model


class Sentences(keras.callbacks.Callback):
    """Keeps what was printed before the training began."""

    def __init__(self, capsys):
        super().__init__()
        self.capsys = capsys
        self.before_training = None

    def get_state(self):  # else `capsys` is complained of
        return {}

    def on_train_begin(self, logs=None):
        self.before_training = self.capsys.readouterr().out.splitlines()


def said(capsys, folder, epochs, callbacks=(), **arguments):
    sentences = Sentences(capsys)
    start(folder, epochs, callbacks=[sentences, *callbacks], **arguments)
    return sentences.before_training


def pipeline():
    return tf.data.Dataset.from_tensor_slices((FLAT, LABELS)).shuffle(70).batch(8)


class Sequence(keras.utils.PyDataset):
    def __len__(self):
        return 9

    def __getitem__(self, index):
        return FLAT[8 * index : 8 * index + 8], LABELS[8 * index : 8 * index + 8]


@pytest.mark.parametrize(
    ("data", "said_of_it", "line"),
    [
        (pipeline, "a pipeline begins with its first order", "data_of_epoch, ..."),
        (Sequence, "this PyDataset may have another order", "data_of_epoch, ..."),
        (
            lambda: (batch for batch in pipeline()),
            "a generator cannot",
            "data_of_epoch, ...",
        ),
        (lambda: FLAT, "`fit` shuffles arrays", "resumable.Batches(x, y, batch_size="),
    ],
)
@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed")
def test_of_other_data_it_says_that_it_is_not_exact_and_the_line_to_write(
    data, said_of_it, line, tmp_path, capsys
):
    more = {"y": LABELS} if data() is FLAT else {"steps_per_epoch": 4}
    (sentence,) = said(capsys, tmp_path, 1, data=data(), **more)
    assert sentence.startswith(f"Not exact: {said_of_it}")
    assert f"Write resumable.fit(model, {line}" in sentence


def test_with_arrays_in_their_order_it_is_exact(tmp_path):
    arguments = {"build": small, "data": FLAT, "y": LABELS, "shuffle": False}
    start(tmp_path / "a", 1, **arguments)
    model, _ = start(tmp_path / "a", 3, **arguments)
    assert largest_difference(model, start(tmp_path / "b", 3, **arguments)[0]) == 0


def test_a_model_that_does_not_fit_is_an_error(tmp_path):
    start(tmp_path, 1)
    with pytest.raises(ValueError, match=r"newest\.keras does not fit this model"):
        start(tmp_path, 2, lambda: small(units=9))


# Files


@pytest.fixture(scope="module")
def two_epochs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    start(folder, 2)
    return folder


@pytest.fixture
def two_files(two_epochs, tmp_path):
    return Path(shutil.copytree(two_epochs, tmp_path / "run"))


def change_a_byte(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def damaged(folder, capsys):
    path = resumable.newest_complete_file(folder)
    told = (
        f"{folder / 'newest.keras'} is damaged or missing: the epoch before it is used."
    )
    assert capsys.readouterr().out == told + "\n"
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("training.json"))["state"]["epoch"]


@pytest.mark.parametrize("part", range(8))
def test_a_newest_file_with_one_byte_changed_is_not_used(part, two_files, capsys):
    # Bytes of the members, not of the few fields of a zip file that nobody reads.
    newest = two_files / "newest.keras"
    with zipfile.ZipFile(newest) as archive:
        member = archive.getinfo(["model.weights.h5", "training.json"][part % 2])
    start_of_member = member.header_offset + 30 + len(member.filename) + 40
    place = start_of_member + random.Random(part).randrange(member.file_size - 60)
    change_a_byte(newest, place)
    assert damaged(two_files, capsys) == 1
    assert not (two_files / "previous.keras").exists(), (
        "it is in the place of the newest"
    )


@pytest.mark.parametrize("length", [0, 10, 5000, -1])
def test_a_newest_file_that_was_cut_is_not_used(length, two_files, capsys):
    newest = two_files / "newest.keras"
    newest.write_bytes(newest.read_bytes()[:length])
    assert damaged(two_files, capsys) == 1


def test_from_the_epoch_before_a_damaged_one_it_continues_to_the_same_end(tmp_path):
    never, _ = start(tmp_path / "never", 4)
    start(tmp_path / "damaged", 3)
    (tmp_path / "damaged" / "newest.keras").write_bytes(b"garbage")
    model, history = start(tmp_path / "damaged", 4)
    assert largest_difference(never, model) == 0
    assert history.epoch == [0, 1, 2, 3]


def test_no_complete_file_is_an_error_and_no_new_training(two_files):
    for path in two_files.glob("*.keras"):
        path.write_bytes(b"garbage")
    with pytest.raises(ValueError, match=r"Every file in .* is damaged"):
        start(two_files, 3)
    assert {path.read_bytes() for path in two_files.glob("*.keras")} == {b"garbage"}


@pytest.mark.parametrize("at", ["model.save", "first rename", "second rename"])
def test_a_crash_inside_a_save_leaves_the_epoch_before_it(at, tmp_path, monkeypatch):
    class CrashError(BaseException):
        pass

    saves = itertools.count(1)

    def save_half(model, path, really=keras.Sequential.save):
        if next(saves) == 1:  # the first one only tries whether it can be done
            return really(model, path)
        path.write_bytes(b"PK half of it")
        raise CrashError

    renames = itertools.count(1)

    def rename(source, target, really=os.replace):
        if next(renames) == {"first rename": 2, "second rename": 3}[at]:
            raise CrashError
        really(source, target)

    with monkeypatch.context() as patch, pytest.raises(CrashError):
        if at == "model.save":
            start(tmp_path, 1)
            patch.setattr(keras.Sequential, "save", save_half)
        else:
            patch.setattr(os, "replace", rename)
        start(tmp_path, 2)
    model, history = start(tmp_path, 3)
    assert history.epoch == [0, 1, 2]
    never, _ = start(tmp_path / "never", 3)
    assert largest_difference(never, model) == 0


@pytest.mark.parametrize("seconds", [0.5, 99])
def test_a_file_that_another_program_has_open_is_tried_for_a_second(
    seconds, tmp_path, monkeypatch
):
    begin = time.monotonic()

    def busy(source, target, really=os.replace):
        if time.monotonic() < begin + seconds:
            raise PermissionError(13, "The process cannot access the file")
        really(source, target)

    (tmp_path / "new").write_text("new")
    monkeypatch.setattr(os, "replace", busy)
    if seconds < 1:
        resumable.replace(tmp_path / "new", tmp_path / "newest")
        assert (tmp_path / "newest").read_text() == "new"
    else:
        with pytest.raises(PermissionError):
            resumable.replace(tmp_path / "new", tmp_path / "newest")
        assert 0.9 < time.monotonic() - begin < 3
        assert (tmp_path / "new").read_text() == "new"


# Batches


def test_a_pass_has_each_sample_once_and_each_pass_another_order():
    numbers = np.arange(70)
    batches = batches_of(numbers, batch_size=32)
    passes = []
    for turn in range(2):
        parts = [batches.shuffled(3 * turn + place)[0] for place in range(3)]
        assert [len(part) for part in parts] == [32, 32, 6]
        passes.append(np.concatenate(parts))
        np.testing.assert_array_equal(np.sort(passes[-1]), numbers)
    assert (passes[0] != passes[1]).any()
    other = batches_of(numbers, batch_size=32, seed=4).shuffled(0)
    assert (other[0] != passes[0][:32]).any()


def test_a_batch_depends_on_the_seed_and_its_number_alone():
    batches, others = batches_of(FLAT, LABELS), batches_of(FLAT, LABELS)
    others.shuffled(25)
    for number in [11, 30, 12, 11]:
        pairs = zip(batches.shuffled(number), others.shuffled(number), strict=True)
        for one, other in pairs:
            np.testing.assert_array_equal(one, other)


def test_inputs_targets_and_weights_stay_together():
    inputs = {"a": np.arange(9), "b": [np.arange(9), np.arange(9) * 2]}
    x, y, weight = batches_of(inputs, np.arange(9) * 3, np.arange(9) * 4).shuffled(0)
    for array, factor in [(x["b"][0], 1), (x["b"][1], 2), (y, 3), (weight, 4)]:
        np.testing.assert_array_equal(array, x["a"] * factor)


def test_arrays_of_different_lengths_are_an_error():
    with pytest.raises(ValueError, match=r"different lengths: \[60, 70\]"):
        batches_of(FLAT, LABELS[:60])
