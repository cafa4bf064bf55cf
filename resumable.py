"""Training that resumes after a crash as if it had never stopped, to the last bit.

Copy this file beside your program. In place of
`model.fit(x, y, batch_size=32, epochs=40, callbacks=[...])` write

    batches = resumable.Batches(x, y, batch_size=32, seed=7)
    history = resumable.fit(model, batches, "saved/run1", epochs=40, callbacks=[...])

Started again, the program continues after the last epoch that was saved. What cannot be
exact is printed, as "Not exact: ...", before the training begins. (What shows only while
it runs: when it is saved.) The program's settings are used: if the learning rate or a
callback has changed, the change is named, and the new one counts.

newest.keras in the folder is an ordinary file of Keras with one more member:
training.json has the states of random layers, what callbacks remember, the history, and
the settings, to compare. (Large arrays are beside it.) previous.keras is the epoch
before. A power failure can cost the newest epoch; then previous.keras is used.

"To the last bit" means with the same versions on the same processor; on a GPU only after
`tf.config.experimental.enable_op_determinism()`. Not seen here: what your own code
draws from NumPy's or TensorFlow's own random numbers, or keeps in global variables.
"""

import concurrent.futures
import contextlib
import copy
import errno
import io
import json
import math
import os
import re
import socket
import time
import types
import warnings
import weakref
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from keras.src.random.seed_generator import global_seed_generator

# By optimizer: the learning rate of the program, and what callbacks have made of it here.
RATES = weakref.WeakKeyDictionary()
MEMBERS = {"model.weights.h5", "training.json"}
# Not compared: names, what follows from the data, and where something is written to.
UNCOMPARED = {"name", "module", "registered_name", "build_config", "build_input_shape"}
UNCOMPARED |= {"filepath", "filename", "log_dir", "verbose", "params"}
BOUND = 2**26  # bytes of an array that are compared at most
USE_FUNCTION = (
    "Write resumable.fit(model, data_of_epoch, ...), where data_of_epoch(epoch) makes "
    "the data of that epoch, as with shuffle(..., seed=epoch)."
)
SEEDS = "Give whatever is random in it a seed that is made of the epoch."


class Batches(keras.utils.PyDataset):
    """Arrays in batches, which `resumable.fit` shuffles by the seed alone.

    Elsewhere (`validation_data`, `evaluate`, `predict`) it is one pass, not shuffled.

    Args:
        parts: inputs, and where you have them targets, and sample weights. Each is an
            array (NumPy, pandas, h5py, a list ...), or a dict or list of arrays, with
            the samples along the first axis.
        batch_size: samples in a batch; the last batch of a pass can be smaller.
        seed: gives each pass over the data its own order; another seed, other orders.
        steps_per_epoch: batches in an epoch; None: as many as a pass has. Each epoch
            ends with a save, so where a pass takes hours, make the epochs shorter.
        settings: as for `keras.utils.PyDataset`; with `workers=4` four threads read.

    Raises:
        ValueError: the parts have different lengths, or are neither numbers nor text.
    """

    def __init__(self, *parts, batch_size=32, seed=0, steps_per_epoch=None, **settings):
        super().__init__(**settings)
        self.parts = tuple(as_arrays(part) for part in parts if part is not None)
        lengths = {len(array) for array in keras.tree.flatten(self.parts)}
        if len(lengths) != 1:
            raise ValueError(f"The arrays have different lengths: {sorted(lengths)}")
        self.samples = lengths.pop()
        self.batch_size = batch_size
        self.seed = seed
        self.batches_in_pass = math.ceil(self.samples / batch_size)
        self.steps_per_epoch = steps_per_epoch or self.batches_in_pass
        self.last_order = None, None

    def __len__(self) -> int:
        return self.batches_in_pass

    def __getitem__(self, index: int) -> tuple:
        return self._batch(np.arange(self.samples), index, index)

    def shuffled(self, number: int) -> tuple:
        """Return a batch of the training: it depends on seed and number alone."""
        pass_number, place = divmod(number, self.batches_in_pass)
        known_pass, order = self.last_order
        if known_pass != pass_number:
            generator = np.random.default_rng([self.seed, pass_number])
            order = generator.permutation(self.samples)
            self.last_order = pass_number, order
        return self._batch(order, place, number)

    def _batch(self, order: np.ndarray, place: int, number: int) -> tuple:
        rows = order[place * self.batch_size : (place + 1) * self.batch_size]
        parts = keras.tree.map_structure(lambda array: take(array, rows), self.parts)
        random = np.random.default_rng([self.seed, number, 1])
        return keras.tree.map_structure(text_as_tensor, self.prepare(random, *parts))

    def prepare(self, random: np.random.Generator, *parts: Any) -> tuple:
        """Return the batch to train with; a class of your own may read files here.

        Args:
            random: for augmentation; depends on the seed and the batch's number alone.
            parts: the rows of this batch, of each part.
        """
        return parts


def as_arrays(part: Any) -> Any:
    """Return arrays for what is none, such as lists and columns of pandas."""
    if isinstance(part, dict):
        return {name: as_arrays(value) for name, value in part.items()}
    if isinstance(part, (list, tuple)) and part and all(map(is_array, part)):
        return tuple(as_arrays(value) for value in part)
    if type(part).__module__.startswith("h5py"):
        return part  # may be larger than the memory
    array = np.asarray(part)
    if array.dtype == object and all(isinstance(text, str) for text in array.flat):
        array = array.astype(str)
    if array.ndim == 0 or array.dtype.kind in "OmM":
        raise ValueError(
            f"Neither numbers nor text, but {array.dtype} in {type(part).__name__}: "
            "turn it into a NumPy array of numbers first."
        )
    return array


def is_array(value: Any) -> bool:
    return len(getattr(value, "shape", ())) > 0


def take(array: Any, rows: np.ndarray) -> np.ndarray:
    """Return rows of an array; h5py wants increasing indices."""
    if isinstance(array, np.ndarray):
        return array[rows]
    places = np.argsort(rows)
    return array[rows[places]][np.argsort(places)]


def text_as_tensor(array: Any) -> Any:
    """Return text as what TensorFlow trains with, and all else as it is."""
    if isinstance(array, np.ndarray) and array.dtype.kind in "USO":
        if keras.backend.backend() != "tensorflow":
            raise ValueError("Text is for TensorFlow: make it numbers in `prepare`.")
        return keras.ops.convert_to_tensor(array, dtype="string")
    return array


class Endless(keras.utils.PyDataset):
    """All batches from one epoch on, without an end: what a single `fit` reads."""

    num_batches = None

    def __init__(self, batch_at: Callable, **settings):
        super().__init__(**settings)
        self.batch_at = batch_at

    def __getitem__(self, index: int) -> Any:
        return self.batch_at(index)


class Epochs:
    """Batch i of data_of_epoch(first), data_of_epoch(first + 1) ..., one after another.

    Raises:
        ValueError: an epoch has fewer batches than `steps`.
    """

    def __init__(self, data_of_epoch: Callable, first_epoch: int, steps: int):
        self.data_of_epoch = data_of_epoch
        self.first_epoch = first_epoch
        self.steps = steps
        self.expected = None

    def __call__(self, index: int) -> Any:
        epoch, place = divmod(index, self.steps)
        epoch += self.first_epoch
        # Keras looks at the first batches, and then begins anew.
        if index != self.expected or place == 0:
            self.iterator = iter(self.data_of_epoch(epoch))
            for _ in range(place):
                next(self.iterator)
        self.expected = index + 1
        for batch in self.iterator:
            return batch
        raise ValueError(
            f"data_of_epoch({epoch}) gave {place} batches, not {self.steps}: say "
            "steps_per_epoch=, so many as each epoch has at least."
        )


def fit(
    model: keras.Model,
    data: Any,
    folder: str | Path,
    callbacks: Any = None,
    epochs: int = 1,
    **arguments: Any,
) -> keras.callbacks.History:
    """Train as `model.fit` does, save each epoch, continue from what is in the folder.

    Args:
        model: compiled, and made in the same way each time the program is started.
        data: `Batches`, or a function: `data_of_epoch(epoch)` returns a tf.data
            pipeline, a generator or a PyDataset; for the same epoch (0, 1, 2 ...) the
            same batches each time. Anything else is trained with, but "Not exact".
        folder: one for each training; gets newest.keras, previous.keras and lock.
        callbacks: one, a list, or None. Attributes of your own callbacks that are
            numbers, text, arrays, lists or dicts of these are kept. Others need two
            methods: `get_state` returns a dict of these, `set_state` takes it back.
        epochs: counted from the very beginning.
        arguments: as for `model.fit`.

    Returns:
        The history of all epochs, also of those before a restart. If the training had
        ended, no more is trained: the model becomes what it was at the end.

    Raises:
        ValueError: no file in the folder is complete, the model does not fit or is not
            compiled, or an argument has no meaning here.
        RuntimeError: another process trains in this folder.
        OSError: nothing can be saved there.
    """
    check(model, data, arguments)
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    callbacks = keras.tree.flatten([] if callbacks is None else callbacks)
    if not any(isinstance(each, keras.callbacks.History) for each in callbacks):
        callbacks.append(keras.callbacks.History())
    with only_process(Path(folder)):
        path = newest_complete_file(Path(folder))
        about = about_model(model) | {"data": about_data(data, again=path is None)}
        about["fit"] = about_data(
            {name: value for name, value in arguments.items() if name != "verbose"}
        )
        saver = Saver(folder, callbacks, about)
        if path:
            saver.read(path)
        first_epoch = saver.state["epoch"]
        if isinstance(data, Batches) or callable(data):
            steps = steps_of(model, data, arguments)
            arguments |= {"steps_per_epoch": steps, "shuffle": False}
            data = stream(data, saver, steps)
        if path:
            saver.load(path, model, lambda: train_a_batch(model, data, arguments))
            if saver.has_ended(epochs):
                # `fit` does nothing then, but callbacks do what they do at the end:
                # EarlyStopping gives the model its best weights.
                epochs = first_epoch
            else:
                print(f"Continuing after epoch {first_epoch}.")
                saver.continue_logs()
        saver.async_safe = is_built(model)  # else it is saved after the first batch
        callbacks = [*saver.callbacks.values(), saver]
        settings = {"initial_epoch": first_epoch, "epochs": epochs, **arguments}
        return model.fit(data, callbacks=callbacks, **settings)


def train_a_batch(model: keras.Model, data: Any, arguments: dict) -> None:
    """Make the variables that are made while training; what it changes is loaded next."""
    settings = {"verbose": 0, "steps_per_epoch": 1}
    for name in "y", "sample_weight", "class_weight", "batch_size", "shuffle":
        if name in arguments:
            settings[name] = arguments[name]
    model.fit(data, **settings)


def check(model: keras.Model, data: Any, arguments: dict) -> None:
    """Refuse what has no meaning here, and say what cannot be exact."""
    if not model.compiled:
        raise ValueError("The model is not compiled: call model.compile(...) first.")
    if "initial_epoch" in arguments:
        raise ValueError("Leave out initial_epoch: the folder has it.")
    place = "in Batches(...)" if isinstance(data, Batches) else "in your function"
    if isinstance(data, Batches) or callable(data):
        belong_there = {"y", "sample_weight", "batch_size", "shuffle"}
        if isinstance(data, Batches):
            belong_there.add("steps_per_epoch")
        for name in sorted(belong_there & set(arguments)):
            raise ValueError(f"Say {name} {place}, not in resumable.fit(...).")
    elif isinstance(data, keras.utils.PyDataset):
        say("this PyDataset may have another order after a restart. " + USE_FUNCTION)
    elif hasattr(data, "element_spec"):
        say("a pipeline begins with its first order after a restart. " + USE_FUNCTION)
    elif hasattr(data, "__next__"):
        say("a generator cannot go back to where it was. " + USE_FUNCTION)
    elif arguments.get("shuffle", True):
        say(
            "`fit` shuffles arrays in another order in each process. Write "
            "resumable.fit(model, resumable.Batches(x, y, batch_size=32, seed=7), ...)"
        )
    if keras.backend.backend() == "torch":
        for layer in model._flatten_layers():
            generator = getattr(layer, "seed_generator", None)
            if generator is not None and generator._initial_seed is None:
                say(f"with PyTorch, {layer.name} is not kept. Give it a seed=.")


def say(text: str) -> None:
    print(f"Not exact: {text}")


def steps_of(model: keras.Model, data: Any, arguments: dict) -> int:
    """Return the number of batches in an epoch."""
    if isinstance(data, Batches):
        return data.steps_per_epoch
    epoch = data(0)
    known = getattr(epoch, "num_batches", None)
    if hasattr(epoch, "cardinality"):
        known = int(epoch.cardinality())  # below 0: unknown, or without an end
    steps = arguments.get("steps_per_epoch") or known or -1
    if steps < 0:
        raise ValueError("How many batches has an epoch? Say steps_per_epoch=...")
    if steps % model.steps_per_execution:
        raise ValueError(
            f"An epoch has {steps} batches: steps_per_execution must divide that, or say "
            "steps_per_epoch=..."
        )
    return steps


def stream(data: Any, saver: "Saver", steps: int) -> Any:
    """Return what a single `fit` can read, from the first epoch to the last one."""
    first_epoch, first = saver.state["epoch"], saver.place_in(data)
    if isinstance(data, Batches):
        return Endless(lambda index: data.shuffled(first + index), workers=data.workers)
    endless = Endless(Epochs(data, first_epoch, steps))
    epoch = data(first_epoch)
    if keras.backend.backend() != "tensorflow" or not hasattr(epoch, "element_spec"):
        return endless
    import tensorflow as tf  # noqa: PLC0415  only where the data are made with it

    # So batches may have any shape that the pipeline allows.
    return tf.data.Dataset.from_generator(
        lambda: iter(endless), output_signature=epoch.element_spec
    )


class Saver(keras.callbacks.Callback):
    """Comes after all other callbacks; saves what they and the model have become."""

    def __init__(self, folder: str | Path, callbacks: list, about: dict):
        super().__init__()
        self.folder = Path(folder)
        self.callbacks = {}
        numbers = Counter()
        for callback in callbacks:
            name = type(callback).__name__
            numbers[name] += 1
            name += f" {numbers[name]}" if numbers[name] > 1 else ""
            self.callbacks[name] = callback
            if isinstance(callback, keras.callbacks.BackupAndRestore):
                raise ValueError("Leave out BackupAndRestore: this does what it does.")
            if isinstance(callback, keras.callbacks.LambdaCallback):
                say(
                    f"what the functions of {name} remember is not kept. Write a class."
                )
        about["callbacks"] = {
            name: about_data(
                {
                    key: abs(value) if key == "min_delta" else value
                    for key, value in vars(each).items()
                    if is_kept(key, value) or key == "min_delta"
                }
            )
            for name, each in self.callbacks.items()
        }
        self.about = as_json(about)  # what is compared with the next start
        self.state = {"epoch": 0, "batches": 0, "batches_in_pass": None}
        self.state |= {"epochs": None, "ended_by": None}
        self.memory = {}
        self.disk = concurrent.futures.ThreadPoolExecutor(1)
        self.synced = self.disk.submit(bool)
        self.said = set()
        self.has_model = True  # else the file has its weights only
        # Then Keras calls `on_train_batch_end` in threads, while the training continues.
        self.async_safe = True

    def read(self, path: Path) -> None:
        """Read what was saved, and say what has changed since."""
        with zipfile.ZipFile(path) as archive:
            saved = json.loads(
                archive.read("training.json"),
                object_hook=lambda each: decoded(each, archive),
            )
        self.state, self.memory = saved["state"], saved["memory"]
        before, now = copy.deepcopy([saved["about"], self.about])
        for name in self.callbacks.keys() & self.memory.keys():
            # What it remembers is not a setting, and neither is what it has got since.
            pair = before["callbacks"][name], now["callbacks"][name]
            for key in {*self.memory[name], *(pair[0].keys() ^ pair[1].keys())}:
                for each in pair:
                    each.pop(key, None)
        for text in differences(before, now):
            say(text)
        self.saved = saved

    def load(self, path: Path, model: keras.Model, train_a_batch: Callable) -> None:
        """Give back all but what callbacks remember: that waits for `on_train_begin`."""
        saved = self.saved
        make_variables(model, saved, train_a_batch)
        model.built = True  # `load_weights` asks; a model without `call` never is
        known = optimizers_of(model)
        if len(model.weights) != saved["weights"]:
            raise ValueError(
                f"{path} does not fit this model: {saved['weights']} weights are saved, "
                f"and it has {len(model.weights)}."
            )
        fresh = {
            name: list(map(np.array, each.variables)) for name, each in known.items()
        }
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                model.load_weights(path)
            except ValueError as error:
                raise ValueError(f"{path} does not fit this model. {error}") from error
        for each in caught:
            text = str(each.message)
            if not text.startswith("Skipping variable loading"):
                place = each.filename, each.lineno
                warnings.warn_explicit(each.message, each.category, *place)
            elif not any(f"'{one.name}'" in text for one in known.values()):
                say(f"an optimizer begins anew. {text}")
        for name, optimizer in known.items():
            settings = saved["about"].get(name, {}), self.about.get(name, {})
            if settings[0].get("class") == settings[1].get("class"):
                give_optimizer_back(
                    name, optimizer, path, saved["optimizers"], settings
                )
            else:
                say(f"{name} begins anew.")
                for variable, value in zip(
                    optimizer.variables, fresh[name], strict=True
                ):
                    variable.assign(value)
        states = random_states(model)
        if len(states) != len(saved["random"]):
            say(f"{len(saved['random'])} random states are saved, not {len(states)}.")
        for variable, value in zip(states, saved["random"], strict=False):
            variable.assign(value)

    def has_ended(self, epochs: int) -> bool:
        """Return whether there is nothing to train, and say why."""
        epoch, name = self.state["epoch"], self.state["ended_by"]
        if name in self.callbacks:
            waited = self.memory[name].get("wait", 0)
            if getattr(self.callbacks[name], "patience", 0) <= waited:
                print(
                    f"{name} ended this training after epoch {epoch}. To continue, leave "
                    f"it out or give it a patience above {waited}."
                )
                return True
            self.memory[name].pop("stopped_epoch", None)
        if epochs <= epoch:
            print(
                f"This training ended after epoch {epoch}. To continue, raise `epochs`."
            )
            return True
        for each in self.callbacks.values():
            if getattr(each, "swap_on_epoch", False) and self.state["epochs"] == epoch:
                say(f"SwapEMAWeights left averaged weights only, at epoch {epoch}.")
        return False

    def continue_logs(self) -> None:
        """Let CSVLogger append, after the rows of the epochs that are saved."""
        done = {str(epoch).encode() for epoch in range(self.state["epoch"])}
        for callback in self.callbacks.values():
            if isinstance(callback, keras.callbacks.CSVLogger):
                callback.append = True
                path = Path(callback.filename)
                lines = path.read_bytes().splitlines(True) if path.exists() else []
                sep = callback.sep.encode()
                while lines[1:] and lines[-1].split(sep)[0] not in done:
                    lines.pop()
                path.write_bytes(b"".join(lines))

    def place_in(self, data: Any) -> int:
        """Return the number of the batch to begin with."""
        in_pass = getattr(data, "batches_in_pass", None)
        if self.state["batches_in_pass"] not in (None, in_pass) and in_pass:
            passes = math.ceil(self.state["batches"] / self.state["batches_in_pass"])
            self.state["batches"] = passes * in_pass  # begin with a new pass
        self.state["batches_in_pass"] = in_pass
        return self.state["batches"]

    def on_train_begin(self, logs: dict | None = None) -> None:
        # Not before now: all other callbacks have just forgotten what they knew.
        self.at_start = {
            name: {key: mark(value) for key, value in vars(each).items()}
            for name, each in self.callbacks.items()
        }
        for name, callback in self.callbacks.items():
            for attribute, value in vars(callback).items():
                if may_be_lost(callback, attribute, value):
                    self.say_lost(f"{name}.{attribute}")
            memory = self.memory.get(name, {})
            if hasattr(callback, "set_state") and memory:
                callback.set_state(memory)
            else:
                vars(callback).update(memory)
        self.tried = False
        if is_built(self.model):
            if self.model.optimizer is not None and not self.model.optimizer.built:
                self.model.optimizer.build(self.model.trainable_variables)
            self.try_to_save()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.batches_seen = []

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.batches_seen.append(batch)  # threads may come in any order
        if not self.tried:  # the model was not built before
            self.try_to_save()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        loss = (logs or {}).get("loss", 0.0)
        batches = max(self.batches_seen, default=-1) + 1
        inside = batches < (self.params["steps"] or 0)
        if self.model.stop_training and (inside or not math.isfinite(loss)):
            # Half an epoch cannot be continued, and one with NaN is of no use.
            why = "inside it" if math.isfinite(loss) else f"with a loss of {loss}"
            print(
                f"Epoch {epoch + 1} was stopped {why}, and is not saved: the next start "
                f"continues after epoch {self.state['epoch']}."
            )
            return
        self.state["epoch"] = epoch + 1
        self.state["batches"] += batches
        self.state["epochs"] = self.params["epochs"]
        self.state["ended_by"] = None
        for name, callback in self.callbacks.items():
            if self.model.stop_training and getattr(callback, "stopped_epoch", 0) > 0:
                self.state["ended_by"] = name
        new, newest = self.folder / "new.keras", self.folder / "newest.keras"
        previous, spare = self.folder / "previous.keras", self.folder / "spare.keras"
        # Under another name: the file before is not harmed by a crash.
        self.write(new)
        self.synced.result()  # previous.keras will be on the disk for sure
        if previous.exists():
            replace(previous, spare)
        if newest.exists():
            replace(newest, previous)
        replace(new, newest)
        if spare.exists():
            replace(spare, new)  # to be written over: faster than a new file
        self.synced = self.disk.submit(sync, newest)  # while the training continues

    def on_train_end(self, logs: dict | None = None) -> None:
        self.synced.result()
        (self.folder / "new.keras").unlink(missing_ok=True)

    def try_to_save(self) -> None:
        """See whether the model can be saved, before hours are lost."""
        self.tried = True
        new = self.folder / "new.keras"
        try:
            self.write(new)
        except OSError as error:
            raise OSError(f"Nothing can be saved in {self.folder}: {error}") from error
        new.unlink()

    def say_lost(self, attribute: str) -> None:
        if attribute not in self.said:
            self.said.add(attribute)
            say(f"{attribute} is not kept. Write get_state and set_state.")

    def remembered(self) -> dict:
        """Return what each callback remembers, and say what of it is not kept."""
        memory = {}
        for name, callback in self.callbacks.items():
            if hasattr(callback, "get_state"):
                memory[name] = callback.get_state()
                if not is_kept("", memory[name]):
                    raise TypeError(
                        f"{name}.get_state must return a dict with text as keys, of "
                        "numbers, text, arrays, lists and such dicts."
                    )
                continue
            before, memory[name] = self.at_start[name], {}
            for key, value in vars(callback).items():
                if not has_changed(callback, key, value, before):
                    continue
                if is_kept(key, value):
                    memory[name][key] = value
                else:
                    self.say_lost(f"{name}.{key}")
        return memory

    def write(self, path: Path) -> None:
        """Write the model, and what is not in a file of Keras."""
        for name in set(lost_variables(self.model)) - self.said:
            self.said.add(name)
            say(f"{name} is no variable of Keras, so not saved. Use add_weight.")
        for name, optimizer in optimizers_of(self.model).items():
            of_program = learning_rate(self.about.get(name, {}))
            RATES[optimizer] = of_program, learning_rate(optimizer.get_config())
        saved = {"about": self.about, "state": self.state}
        saved["memory"] = self.remembered()
        saved["weights"] = len(self.model.weights)
        saved["random"] = random_states(self.model)
        saved["optimizers"] = {
            name: [variable.name for variable in optimizer.variables]
            for name, optimizer in optimizers_of(self.model).items()
        }
        arrays = {}
        text = json.dumps(saved, default=lambda each: encoded(each, arrays))
        if self.has_model:
            try:
                self.model.save(path)
            except OSError:
                raise
            except Exception as error:  # such as a model without `get_config`
                self.has_model = False
                print(f"{path.parent} gets weights only, not the model. {error}")
        if not self.has_model:
            weights = path.with_name("new.weights.h5")
            self.model.save_weights(weights)
            with zipfile.ZipFile(path, "w") as archive:
                archive.write(weights, "model.weights.h5")
            weights.unlink()
        with zipfile.ZipFile(path, "a") as archive:
            for name, array in arrays.items():
                with archive.open(name, "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array)
            archive.writestr("training.json", text)


# What callbacks remember: each attribute that has changed since the training began.


def is_kept(name: str, value: Any) -> bool:
    """Return whether an attribute can be written, and may be given back."""
    # EarlyStopping changes the sign of its min_delta, and would do so again.
    if name in ("params", "min_delta", "monitor_op", "_model"):
        return False
    if isinstance(value, dict):
        return all(type(key) is str and is_kept("", value[key]) for key in value)
    if isinstance(value, list):
        return all(is_kept("", each) for each in value)
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype != object
    return value is None or type(value) in (bool, int, float, str)


def may_be_lost(callback: Any, name: str, value: Any) -> bool:
    """Return whether an attribute is an object that may change, and is not kept."""
    constant = tuple, set, dict, list, frozenset, bytes, type, Path, np.ufunc
    constant += types.FunctionType, types.MethodType, types.BuiltinFunctionType
    return not (
        is_of_keras(callback)
        or hasattr(callback, "get_state")
        or name in ("params", "_model")
        or is_kept("", value)
        or isinstance(value, (*constant, types.ModuleType))
    )


def mark(value: Any) -> tuple:
    """Return what changes when a value does."""
    if is_kept("", value):
        return type(value), json.dumps(value, default=checksum)
    return type(value), repr(value)


def has_changed(callback: Any, name: str, value: Any, before: dict) -> bool:
    """Return whether an attribute is not what it was, and matters."""
    if may_be_lost(callback, name, value):
        return name not in before  # (of the others it was said)
    plain = type(value) in (tuple, set, dict, list) and not is_of_keras(callback)
    if not is_kept(name, value) and not plain:
        return False
    # EarlyStopping's best weights were None; there is no need for their checksums.
    kind = before.get(name, (None,))[0]
    return kind is not type(value) or before[name] != mark(value)


def is_of_keras(callback: keras.callbacks.Callback) -> bool:
    return type(callback).__module__.startswith("keras.")


# What is compared with the next start


def about_model(model: keras.Model) -> dict:
    """Return the settings of a model, its optimizers and its loss."""
    about = {"Keras": keras.__version__, "backend": keras.backend.backend()}
    layers = [layer for layer in model._flatten_layers(include_self=False)]
    try:
        about["model"] = model.get_config()
    except Exception:
        about["model"] = {}
    if "layers" not in about["model"]:  # a class of your own
        about["model"]["layers"] = [about_layer(layer) for layer in layers]
    with contextlib.suppress(Exception):
        about["compile"] = model.get_compile_config() or {}
        del about["compile"]["optimizer"]
    for name, optimizer in optimizers_of(model).items():
        config = optimizer.get_config()
        of_program, left = RATES.get(optimizer, (None, None))
        if of_program is not None and learning_rate(config) == left:
            with_rate(config)["learning_rate"] = of_program
        about[name] = {"class": type(optimizer).__name__, **config}
    return about


def about_layer(layer: keras.layers.Layer) -> dict:
    try:
        return {"class_name": type(layer).__name__, "config": layer.get_config()}
    except Exception:  # it has no `get_config`
        return {"class_name": type(layer).__name__, "config": {}}


def about_data(data: Any, again: bool = False) -> Any:
    """Return what tells data from others: settings, shapes, checksums."""
    if isinstance(data, Batches):
        names = "batch_size", "seed", "steps_per_epoch"
        about = {name: getattr(data, name) for name in names}
        return {"class": type(data).__name__, "parts": about_data(data.parts), **about}
    if callable(data):
        about = about_data(keras.tree.flatten(next(iter(data(0)), None)))
        if again and about != about_data(keras.tree.flatten(next(iter(data(0)), None))):
            say(
                "data_of_epoch(0) gave other batches when it was called again. " + SEEDS
            )
        return {"first batch": about}
    if isinstance(data, dict):
        return {str(name): about_data(value) for name, value in data.items()}
    if isinstance(data, (list, tuple)) and len(data) < 100:
        return [about_data(value) for value in data]
    if hasattr(data, "shape") or isinstance(data, (list, tuple)):
        return f"values with shape {np.shape(data)}, checksum {checksum(data)}"
    plain = data is None or isinstance(data, (bool, int, float, str))
    return data if plain else type(data).__name__


def checksum(array: Any) -> int:
    """Return a checksum of an array; of a large one, of rows that are spread over it."""
    array = array if hasattr(array, "nbytes") else np.asarray(array)
    if array.shape and array.nbytes > BOUND:
        array = array[:: math.ceil(array.nbytes / BOUND)]
    array = np.asarray(array)
    if array.dtype == object:
        return zlib.crc32(str(array.tolist()).encode())
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


def as_json(about: dict) -> dict:
    """Return settings as json gives them back, without the numbers that Keras counts."""
    text = json.dumps(about, default=lambda each: type(each).__name__, skipkeys=True)
    return json.loads(re.sub(r'(?<=\w)_\d+(?="(?!:))', "", text))


def differences(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """Yield a sentence for each setting that has changed."""
    if isinstance(old, dict) and isinstance(new, dict):
        kinds = [each.get("class_name", each.get("class")) for each in (old, new)]
        if kinds[0] != kinds[1]:  # all else differs, too
            yield f"{place} changed from {kinds[0]} to {kinds[1]}, which is used."
            return
        for name in [*old, *(name for name in new if name not in old)]:
            if name in UNCOMPARED:
                continue
            where = place if name == "config" else f"{place}, {name}" if place else name
            if name not in old:
                yield f"{where} is new since it was saved."
            elif name not in new:
                yield f"{where} is gone since it was saved."
            else:
                yield from differences(old[name], new[name], where)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, pair in enumerate(zip(old, new, strict=True)):
            name = ""
            if isinstance(pair[0], dict) and "class_name" in pair[0]:
                name = f" ({pair[0]['class_name']})"
            yield from differences(*pair, f"{place} {number}{name}")
    elif old != new:
        yield f"{place} changed from {brief(old)} to {brief(new)}, which is used."


def brief(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return f"{len(value)} of them"
    if isinstance(value, dict):
        return str(value.get("class_name", "other settings"))
    return str(value)


# Variables


def is_built(model: keras.Model) -> bool:
    return all(layer.built for layer in model._flatten_layers())


def random_states(model: keras.Model) -> list:
    """Return the variables that change in training and are not saved as weights."""
    weights = {id(weight) for weight in model.weights}
    states = [variable for variable in model.variables if id(variable) not in weights]
    for layer in model._flatten_layers():
        if getattr(layer, "stateful", False):
            states += keras.tree.flatten(getattr(layer, "states", None) or [])
    return [*states, global_seed_generator().state]


def optimizers_of(model: keras.Model) -> dict:
    """Return the optimizers that are attributes of a model, or in its lists and dicts."""

    def found_in(name, value):
        if isinstance(value, keras.optimizers.Optimizer):
            yield name, value
        elif isinstance(value, (list, tuple)):
            for number, each in enumerate(value):
                yield from found_in(f"{name} {number}", each)
        elif isinstance(value, dict):
            for key, each in value.items():
                yield from found_in(f"{name} {key}", each)

    # (In "_self_..." TensorFlow keeps the same ones again.)
    names = [name for name in sorted(vars(model)) if not name.startswith("_self_")]
    return dict(each for name in names for each in found_in(name, vars(model)[name]))


def make_variables(model: keras.Model, saved: dict, train_a_batch: Callable) -> None:
    """Make the variables that a model or an optimizer does not have before it trains."""

    def are_missing(name, optimizer):
        return len(optimizer.variables) < len(saved["optimizers"].get(name, []))

    if not model.built or len(model.weights) < saved["weights"]:
        train_a_batch()
    optimizer = model.optimizer
    if (
        optimizer is not None
        and not optimizer.built
        and are_missing("optimizer", optimizer)
    ):
        optimizer.build(model.trainable_variables)
    if any(are_missing(*each) for each in optimizers_of(model).items()):
        train_a_batch()


def lost_variables(model: keras.Model) -> Iterator[str]:
    """Yield the variables of layers that are none of Keras, and so not in the file."""
    for layer in model._flatten_layers():
        for name, value in vars(layer).items():
            is_variable = hasattr(value, "assign") and hasattr(value, "shape")
            if is_variable and not isinstance(value, keras.Variable):
                yield f"{layer.name}.{name}"


def give_optimizer_back(
    name: str, optimizer: Any, path: Path, saved: dict, settings: tuple
) -> None:
    """Do what `load_weights` has not done: use the learning rate of the program."""
    old = saved.get(name, [])
    kept = [number for number, each in enumerate(old) if each != "learning_rate"]
    variables = [each for each in optimizer.variables if each.name != "learning_rate"]
    if len(kept) != len(variables):
        say(f"other weights are trained than before: {name} begins anew.")
    elif len(old) != len(optimizer.variables):  # a schedule came or went
        with (
            zipfile.ZipFile(path) as archive,
            h5py.File(archive.open("model.weights.h5")) as file,
        ):
            for variable, number in zip(variables, kept, strict=True):
                variable.assign(file[f"{name}/vars/{number}"][()])
    before, now = map(learning_rate, settings)
    if before != now and isinstance(now, float):
        optimizer.learning_rate = now


def learning_rate(config: dict) -> Any:
    return with_rate(config).get("learning_rate")


def with_rate(config: dict) -> dict:
    inner = config.get("inner_optimizer")  # of LossScaleOptimizer
    return inner["config"] if inner else config


# Files


def encoded(value: Any, arrays: dict) -> dict:
    """Return an array for json: its values, or, if it is large, where they are."""
    array = np.asarray(value)
    about = {"dtype": array.dtype.name, "shape": array.shape}
    if array.dtype.kind in "US" or array.size < 100:
        return {**about, "values": array.ravel().tolist()}
    about["member"] = f"training/{len(arrays)}.npy"
    arrays[about["member"]] = array
    return about


def decoded(value: dict, archive: zipfile.ZipFile) -> Any:
    """Return the array that `encoded` has described, and any other dict as it is."""
    if "member" in value and "dtype" in value:
        array = np.load(io.BytesIO(archive.read(value["member"])))
        # np.load does not know bfloat16 and the like.
        return array.view(value["dtype"]) if array.dtype.kind == "V" else array
    if "values" in value and "dtype" in value:
        text = value["dtype"].startswith(("str", "bytes"))
        array = np.array(value["values"], None if text else value["dtype"])
        return array.reshape(value["shape"])[()]
    return value


def sync(path: Path) -> None:
    """Wait until a file, and its name, are on the disk: for a power failure."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def newest_complete_file(folder: Path) -> Path | None:
    """Return newest.keras, if need be after putting previous.keras in its place.

    Returns None if neither is there, and raises ValueError if all there is is damaged.
    """
    newest = folder / "newest.keras"
    previous = folder / "previous.keras"
    if is_complete(newest):
        return newest
    if is_complete(previous):
        print(f"{newest} is damaged or missing: the epoch before it is used.")
        replace(previous, newest)
        return newest
    if newest.exists() or previous.exists():
        raise ValueError(
            f"Every file in {folder} is damaged; delete them to begin anew."
        )
    return None


def is_complete(path: Path) -> bool:
    """Return whether a file is there, has all its members, and none is damaged.

    (Bytes that nobody reads, such as the dates of members, may have changed.)
    """
    # `load_weights` does not tell: since Python 3.12, zipfile leaves out the checksum
    # where Keras jumps to and fro in a member. `testzip` reads all of each member.
    if not path.exists():
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None and set(archive.namelist()) >= MEMBERS
    except OSError as error:
        if error.errno == errno.EINVAL:  # a place in the file that cannot be
            return False
        raise  # not damaged: another program has it open, or the disk is gone
    except MemoryError:
        raise
    except Exception:  # damage shows as many kinds of errors
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


@contextlib.contextmanager
def only_process(folder: Path) -> Iterator[None]:
    """Make the folder, and lock it until the training, or its process, has ended."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "a+", encoding="utf-8") as file:
        try:
            if os.name == "nt":
                import msvcrt  # noqa: PLC0415

                file.seek(2**20)  # behind the text, which others may read
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl  # noqa: PLC0415

                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            file.seek(0)
            raise RuntimeError(
                f"{file.read() or 'Another process'} trains in {folder}: stop it, or "
                "take another folder."
            ) from error
        except OSError as error:
            print(
                f"{folder} cannot be locked ({error}): train there only once at a time."
            )
        file.truncate(0)
        file.write(f"Process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield
