"""Training that goes on after a crash as if it had never stopped, to the last bit.

Copy this file beside your program. In place of
`model.fit(x, y, batch_size=32, epochs=40, callbacks=[...])` write

    batches = resumable.Batches(x, y, batch_size=32, seed=7)
    history = resumable.fit(model, batches, "saved/run1", epochs=40, callbacks=[...])

Started again, the program goes on after the last epoch that was saved. newest.keras in
the folder is an ordinary file of Keras with two more members: training.json has the
random state of Dropout and the like, what callbacks remember, the place in the data and
the history; training.npz has the best weights of EarlyStopping. Not kept are random
numbers that a layer of your own draws without a `keras.random.SeedGenerator`, and the
states of a stateful LSTM or GRU. "To the last bit" is meant for the same versions and
processor; on a GPU only after `tf.config.experimental.enable_op_determinism()`.
"""

import io
import json
import math
import os
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
        self.parts = keras.tree.lists_to_tuples(parts)
        lengths = {len(array) for array in keras.tree.flatten(parts)}
        if len(lengths) != 1:
            raise ValueError(f"The arrays have different lengths: {sorted(lengths)}")
        self.samples = lengths.pop()
        self.batch_size = batch_size
        self.seed = seed
        self.batches_in_pass = math.ceil(self.samples / batch_size)
        self.steps_per_epoch = steps_per_epoch or self.batches_in_pass
        self.first_batch = 0  # after a restart: how many batches came before
        self.pass_number = None

    def __getitem__(self, index: int) -> tuple:
        pass_number, place = divmod(self.first_batch + index, self.batches_in_pass)
        if pass_number != self.pass_number:
            generator = np.random.default_rng([self.seed, pass_number])
            self.order = generator.permutation(self.samples)
            self.pass_number = pass_number
        start = place * self.batch_size
        rows = self.order[start : start + self.batch_size]
        return keras.tree.map_structure(lambda array: array[rows], self.parts)


def fit(
    model: keras.Model, data: Any, folder: str | Path, callbacks=(), **arguments: Any
) -> keras.callbacks.History:
    """Train as `model.fit` does, save each epoch, go on from what is in the folder.

    Args:
        model: compiled, and made in the same way each time the program is started.
        data: `Batches`. With anything else, the order of the data is up to you.
        folder: one for each training; gets newest.keras and previous.keras.
        callbacks: the same ones each time.
        arguments: as for `model.fit`. `epochs` counts from the very beginning.

    Returns:
        The history of all epochs, also of those before a restart. If the training had
        ended, no more is trained: the model becomes what it was at the end.

    Raises:
        ValueError: no file in the folder is whole, or the model does not fit.
    """
    saver = Saver(folder, [*callbacks, keras.callbacks.History()])
    saver.about["model"] = [type(layer).__name__ for layer in model.layers]
    saver.about["optimizer"] = type(model.optimizer).__name__
    if isinstance(data, Batches):
        saver.about["data"] = [data.samples, data.batch_size, data.seed]
        arguments["steps_per_epoch"] = data.steps_per_epoch
        arguments["shuffle"] = False  # they are shuffled already
    else:
        print("Not exact, unless the data are the same, in the same order, each time.")
    path = newest_whole_file(saver.folder)
    if path:
        if isinstance(data, Batches):
            model.predict_on_batch(data[0][0])  # makes variables that are not there yet
        saver.load(path, model)
    first_epoch = saver.state["epoch"]
    epochs = arguments.pop("epochs", 1)
    if saver.state["stopped"] or epochs <= first_epoch:
        print(f"This training ended after epoch {first_epoch}.")
        # `fit` does nothing then, but callbacks do what they do at the end:
        # EarlyStopping gives the model its best weights.
        epochs = first_epoch
    elif path:
        print(f"Going on after epoch {first_epoch}.")
    if isinstance(data, Batches):
        data.first_batch = saver.state["batches"]
    callbacks = [*saver.callbacks.values(), saver]
    return model.fit(
        data, initial_epoch=first_epoch, epochs=epochs, callbacks=callbacks, **arguments
    )


class Saver(keras.callbacks.Callback):
    """Comes after all other callbacks; saves what they and the model have become."""

    def __init__(self, folder: str | Path, callbacks: list):
        super().__init__()
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.callbacks = {}
        for number, callback in enumerate(callbacks):
            self.callbacks[f"{number} {type(callback).__name__}"] = callback
        self.about = {"callbacks": list(self.callbacks)}  # must be as it was saved
        self.state = {"epoch": 0, "batches": 0, "stopped": False}
        self.memory = {}
        self.best_weights = {}

    def load(self, path: Path, model: keras.Model) -> None:
        """Give back all but what callbacks remember: that waits for `on_train_begin`."""
        with zipfile.ZipFile(path) as archive:
            saved = json.loads(archive.read("training.json"))
            self.best_weights = np.load(io.BytesIO(archive.read("training.npz")))
        for part, description in self.about.items():
            if saved["about"].get(part) != description:
                print(f"Not exact: {part} changed since it was saved.")
        self.state = saved["state"]
        self.memory = saved["memory"]
        model.optimizer.build(model.trainable_variables)  # a place for its state
        try:
            model.load_weights(path)
        except ValueError as error:
            raise ValueError(f"{path} does not fit this model. {error}") from error
        variables = random_states(model)
        for variable, value in zip(variables, saved["random"], strict=False):
            variable.assign(value)

    def on_train_begin(self, logs: dict | None = None) -> None:
        # Not before now: all other callbacks have just forgotten what they knew.
        for name, callback in self.callbacks.items():
            memory = self.memory.get(name, {})
            if hasattr(callback, "set_state") and memory:
                callback.set_state(memory)
            else:
                vars(callback).update(memory)
            count = len(self.model.weights)
            if f"{name} 0" in self.best_weights:
                callback.best_weights = [
                    self.best_weights[f"{name} {number}"] for number in range(count)
                ]

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        # Keras takes `steps_per_execution` batches at once, even beyond an epoch's end.
        at_once = self.model.steps_per_execution
        steps = math.ceil((self.params["steps"] or 0) / at_once) * at_once
        self.state["epoch"] = epoch + 1
        self.state["batches"] += steps
        self.state["stopped"] = self.model.stop_training
        memory = {}
        best_weights = {}
        for name, callback in self.callbacks.items():
            memory[name] = {}
            for kind, keys in MEMORY.items():
                if isinstance(callback, kind):
                    memory[name] = {key: getattr(callback, key) for key in keys}
            if hasattr(callback, "get_state"):
                memory[name] = callback.get_state()
            for number, array in enumerate(getattr(callback, "best_weights", ()) or ()):
                best_weights[f"{name} {number}"] = array
        saved = {"about": self.about, "state": self.state, "memory": memory}
        saved["random"] = random_states(self.model)

        # Under another name: the file before is not harmed by a crash.
        new = self.folder / "new.keras"
        newest = self.folder / "newest.keras"
        self.model.save(new)
        with zipfile.ZipFile(new, "a") as archive:
            archive.writestr("training.json", json.dumps(saved, default=as_list))
            with archive.open("training.npz", "w", force_zip64=True) as member:
                np.savez(member, **best_weights)
        with open(new, "rb+") as file:
            os.fsync(file.fileno())  # a power failure needs this, a kill does not
        if newest.exists():
            replace(newest, self.folder / "previous.keras")
        replace(new, newest)


def random_states(model: keras.Model) -> list:
    """Return the variables that are no weights: those of the SeedGenerators."""
    weights = {id(weight) for weight in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def as_list(value: Any) -> Any:
    """Return an array or a variable as what json can write."""
    return np.asarray(value).tolist()


def newest_whole_file(folder: Path) -> Path | None:
    """Return newest.keras, if need be after putting previous.keras in its place.

    Returns None if neither is there, and raises ValueError if all there is is damaged.
    """
    newest = folder / "newest.keras"
    previous = folder / "previous.keras"
    if is_whole(newest):
        return newest
    if is_whole(previous):
        print(f"{newest} is damaged or missing: the epoch before it is used.")
        replace(previous, newest)
        return newest
    if newest.exists() or previous.exists():
        raise ValueError(
            f"Every file in {folder} is damaged; delete them to begin anew."
        )
    return None


def is_whole(path: Path) -> bool:
    """Return whether a file is there, and no byte of it has changed."""
    # `load_weights` does not tell: since Python 3.12, zipfile leaves out the checksum
    # where Keras jumps to and fro in a member. `testzip` reads all of each member.
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
