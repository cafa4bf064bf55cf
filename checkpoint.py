"""Training that goes on after a crash as if it had never stopped, to the last bit.

Copy this file beside your program. In place of
`model.fit(x, y, batch_size=32, epochs=40, callbacks=[...])` write

    batches = checkpoint.Batches(x, y, batch_size=32, seed=7)
    history = checkpoint.fit(model, batches, "saved/run1", epochs=40, callbacks=[...])

Started again, the program goes on after the last epoch that was saved. newest.keras in
the folder is an ordinary file of Keras with two more members, training.json and
training.npz. They hold what Keras leaves out: the random state of Dropout and the like,
what callbacks remember, the place in the data, the history.

What it cannot keep: random numbers that a layer of your own draws without a
`keras.random.SeedGenerator`, the states of a stateful LSTM or GRU, an optimizer that
is not `model.optimizer`. "To the last bit" is meant for the same versions and kind of
processor; on a GPU only after `tf.config.experimental.enable_op_determinism()`.
"""

import io
import json
import math
import os
import re
import time
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

# What callbacks of Keras remember from epoch to epoch. (Their settings are in your
# program.) A callback of your own needs two methods: `get_state` returns a dict that
# json can write, `set_state` takes it back.
MEMORY = {
    keras.callbacks.EarlyStopping: ["best", "best_epoch", "stopped_epoch", "wait"],
    keras.callbacks.ReduceLROnPlateau: ["best", "cooldown_counter", "wait"],
    keras.callbacks.ModelCheckpoint: ["best"],
    keras.callbacks.History: ["epoch", "history"],
}


class Batches(keras.utils.PyDataset):
    """Shuffled batches without end. Batch i depends on the seed and on i alone.

    Args:
        parts: inputs, and where you have them targets, and sample weights. Each is an
            array, or a dict or list of arrays, with the samples along the first axis.
        batch_size: samples in a batch; the last batch of a pass can be smaller.
        seed: gives each pass over the data its own order; another seed, other orders.
        steps_per_epoch: batches in an epoch; None: as many as a pass has. Each epoch
            ends with a save, so where a pass takes hours, make the epochs shorter.
    """

    num_batches = None  # tells Keras that there is no end

    def __init__(self, *parts, batch_size=32, seed=0, steps_per_epoch=None):
        super().__init__()
        self.parts = keras.tree.map_structure(np.asarray, parts)
        arrays = keras.tree.flatten(self.parts)
        self.samples = len(arrays[0])
        for array in arrays:
            if len(array) != self.samples:
                raise ValueError(f"{self.samples} samples here, {len(array)} there")
        self.batch_size = batch_size
        self.seed = seed
        self.batches_in_pass = math.ceil(self.samples / batch_size)
        self.steps_per_epoch = steps_per_epoch or self.batches_in_pass
        self.about = [self.samples, batch_size, seed, self.steps_per_epoch]
        self.first_batch = 0  # after a restart: how many batches came before
        self.pass_number = None

    def __getitem__(self, index: int) -> tuple:
        pass_number, place = divmod(self.first_batch + index, self.batches_in_pass)
        if pass_number != self.pass_number:
            generator = np.random.default_rng([self.seed, pass_number])
            self.order = generator.permutation(self.samples)
            self.pass_number = pass_number
        start = place * self.batch_size
        return _rows(self.parts, self.order[start : start + self.batch_size])


def _rows(arrays: Any, chosen: np.ndarray) -> Any:
    if isinstance(arrays, dict):
        return {name: _rows(array, chosen) for name, array in arrays.items()}
    if isinstance(arrays, list | tuple):
        return tuple([_rows(array, chosen) for array in arrays])
    return arrays[chosen]


def fit(
    model: keras.Model, data: Any, folder: str | Path, **arguments: Any
) -> keras.callbacks.History:
    """Train as `model.fit` does, save each epoch, go on from what is in the folder.

    Args:
        model: built and compiled in the same way each time the program is started.
        data: `Batches`. With anything else, the order of the data is up to you.
        folder: one for each training; gets newest.keras and previous.keras.
        arguments: as for `model.fit`. `callbacks` are the same ones each time. `epochs`
            is where the training ends, counted from its very beginning. If it ended
            before, or a callback stopped it, no more is trained: the model becomes what
            it was at the end.

    Returns:
        The history of all epochs, also of those before a restart.

    Raises:
        ValueError: no file in the folder is whole, or the model does not fit.
    """
    arguments.setdefault("shuffle", False)
    callbacks = list(arguments.get("callbacks") or [])
    saver = Saver(folder, [*callbacks, keras.callbacks.History()])
    if isinstance(data, Batches):
        arguments["steps_per_epoch"] = data.steps_per_epoch
        arguments["shuffle"] = False  # they are shuffled already
        saver.state["data"] = data.about
    else:
        print("Not exact, unless your data come in the same order at each start.")
    if arguments["shuffle"]:
        print("Not exact: with shuffle=True, each start has another order.")
    path = newest_whole_file(saver.folder)
    if path is not None:
        if isinstance(data, Batches):
            inputs = keras.tree.map_structure(_symbol, data[0][0])
            model(inputs)  # computes nothing, but now every layer has its variables
        saver.load(path, model)
    first_epoch = saver.state["epoch"]
    epochs = arguments.get("epochs", 1)
    if saver.state["stopped"] or epochs <= first_epoch:
        print(f"This training ended after epoch {first_epoch}.")
        # Without an epoch, callbacks still do what they do at the end of a training:
        # EarlyStopping gives the model its best weights.
        epochs = first_epoch
    elif path is not None:
        print(f"Going on after epoch {first_epoch}.")
    if isinstance(data, Batches):
        data.first_batch = saver.state["batches"]
    arguments["callbacks"] = [*saver.callbacks.values(), saver]
    arguments["epochs"] = epochs
    return model.fit(data, initial_epoch=first_epoch, **arguments)


class Saver(keras.callbacks.Callback):
    """Comes after all other callbacks; saves what they and the model have become."""

    def __init__(self, folder: str | Path, callbacks: list):
        super().__init__()
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.callbacks = {}
        for callback in callbacks:
            name = type(callback).__name__
            while name in self.callbacks:
                name += ", another one"
            self.callbacks[name] = callback
        self.state = {"epoch": 0, "batches": 0, "stopped": False, "data": None}
        self.memory = {}  # of each callback
        self.best_weights = {}

    def load(self, path: Path, model: keras.Model) -> None:
        """Give everything back; what callbacks remember waits for `on_train_begin`."""
        with zipfile.ZipFile(path) as archive:
            config = archive.read("config.json").decode()
            saved = json.loads(archive.read("training.json"))
            self.best_weights = np.load(io.BytesIO(archive.read("training.npz")))
        if _comparable(config) != _comparable(model.to_json()):
            print("Not exact: the model, or its compile, is not as it was saved.")
        if list(saved["memory"]) != list(self.callbacks):
            print("Not exact: the callbacks are not as they were saved.")
        if saved["state"]["data"] != self.state["data"]:
            print("Not exact: length, batches or seed of the data are not as saved.")
        self.state = {**saved["state"], "data": self.state["data"]}
        self.memory = saved["memory"]
        model.optimizer.build(model.trainable_variables)  # a place for its state
        try:
            model.load_weights(path)
        except ValueError as error:
            raise ValueError(f"{path} does not fit this model. {error}") from error
        variables = _random_states(model)
        for variable, value in zip(variables, saved["random"], strict=False):
            variable.assign(value)

    def on_train_begin(self, logs: dict | None = None) -> None:
        # Not before now: all other callbacks have just forgotten what they knew.
        for name, callback in self.callbacks.items():
            if name in self.memory and hasattr(callback, "set_state"):
                callback.set_state(self.memory[name])
            elif name in self.memory:
                vars(callback).update(self.memory[name])
            weights = []
            for number, weight in enumerate(self.model.get_weights()):
                if f"{name} {number}" in self.best_weights:
                    array = self.best_weights[f"{name} {number}"]
                    weights.append(array.view(weight.dtype))  # npz knows no bfloat16
            if weights:
                callback.best_weights = weights

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.state["epoch"] = epoch + 1
        self.state["stopped"] = self.model.stop_training
        # Keras takes `steps_per_execution` batches at once, even beyond an epoch's end.
        at_once = self.model.steps_per_execution
        steps = math.ceil((self.params["steps"] or 0) / at_once) * at_once
        self.state["batches"] += steps
        saved = {
            "state": self.state,
            "memory": {},
            "random": _random_states(self.model),
        }
        best_weights = {}
        for name, callback in self.callbacks.items():
            saved["memory"][name] = _memory(callback)
            weights = getattr(callback, "best_weights", None) or []
            for number, array in enumerate(weights):
                best_weights[f"{name} {number}"] = array
        # Under another name: the file before is not harmed by a crash.
        new = self.folder / "new.keras"
        newest = self.folder / "newest.keras"
        self.model.save(new)
        with zipfile.ZipFile(new, "a") as archive:
            archive.writestr("training.json", json.dumps(saved, default=_as_list))
            with archive.open("training.npz", "w", force_zip64=True) as member:
                np.savez(member, **best_weights)
        with open(new, "rb+") as file:
            os.fsync(file.fileno())  # on the disk, not only on its way there
        if newest.exists():
            replace(newest, self.folder / "previous.keras")
        replace(new, newest)


def _memory(callback: keras.callbacks.Callback) -> dict:
    if hasattr(callback, "get_state"):
        return callback.get_state()
    memory = {}
    for kind, names in MEMORY.items():
        if isinstance(callback, kind):
            for name in names:
                memory[name] = getattr(callback, name)
    return memory


def _random_states(model: keras.Model) -> list:
    """Return the variables that are no weights: those of the SeedGenerators."""
    weights = {id(weight) for weight in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def _as_list(value: Any) -> Any:
    return np.asarray(value).tolist()


def _symbol(array: np.ndarray) -> keras.KerasTensor:
    return keras.Input(array.shape[1:], dtype=array.dtype)


def _comparable(config: str) -> dict:
    """Return a model's config without what differs between two starts of a program."""
    without_numbers = re.sub(r'_\d+"(?!:)', '"', config)  # "dense_1" becomes "dense"
    return json.loads(without_numbers, object_hook=_without_state)


def _without_state(config: dict) -> dict:
    for key in ["build_config", "build_input_shape", "learning_rate", "seed"]:
        config.pop(key, None)
    config.pop("shared_object_id", None)
    return config


def newest_whole_file(folder: Path) -> Path | None:
    """Return the newest file that is not damaged, None in an empty folder.

    Raises:
        ValueError: there are files, all of them damaged.
    """
    newest = folder / "newest.keras"
    previous = folder / "previous.keras"
    if not newest.exists() and not previous.exists():
        return None
    if newest.exists() and is_whole(newest):
        return newest
    if previous.exists() and is_whole(previous):
        print(f"{newest} is damaged or missing: the epoch before it is used.")
        replace(previous, newest)
        return newest
    raise ValueError(f"Every file in {folder} is damaged.")


def is_whole(path: Path) -> bool:
    """Return whether no byte of a file has changed since it was saved."""
    # Loading need not tell: since Python 3.12, zipfile no longer compares the checksum
    # of a member in which the reader has jumped ahead. `testzip` reads all of each.
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None and "training.npz" in archive.namelist()
    except PermissionError:
        raise  # not damaged: another program has it open
    except Exception:  # damage shows as any kind of error
        return False


def replace(source: Path, target: Path) -> None:
    """Rename a file; on Windows, wait a second for a virus scanner or OneDrive."""
    for _ in range(20):
        try:
            os.replace(source, target)
            return
        except PermissionError:
            time.sleep(0.05)
    os.replace(source, target)
