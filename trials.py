"""The two experiments of lesson 4: training that is killed, and files that are damaged."""

import json
import random
import shutil
import sys
import threading
import time
import warnings
from collections import Counter, deque
from pathlib import Path

import lesson
import models

import keras
import numpy as np
import tensorflow as tf

METHODS = "SafeCheckpoint", "ModelCheckpoint", "BackupAndRestore"
EPOCHS = 50


def train(resume_safely, folder, build):
    """Train three models, each saved in another way: the process that is to be killed.

    It waits for a line on its standard input, and goes on from what the last process left
    behind. It prints "unusable METHOD" when that cannot be loaded, and then starts anew;
    "start METHOD E S", the epoch that it starts at and the number of epochs that the
    optimizer has seen; "saving METHOD" before each save, and "saved METHOD" after it.

    Args:
        resume_safely: function of a folder and a new model that returns model, epoch and
            callback, for the method "SafeCheckpoint".
        folder: where data.npz is, with images `x` and labels `y`; gets a subfolder for each
            method.
        build: name of the function in `models` that builds the classifier.
    """
    resume = {
        "SafeCheckpoint": resume_safely,
        "ModelCheckpoint": _resume_from_model_checkpoint,
        "BackupAndRestore": _resume_from_backup,
    }
    if not sys.stdin.readline():
        return  # whoever started this process is no more
    folder = Path(folder)
    with np.load(folder / "data.npz") as data:
        x, y = data["x"], data["y"]
    trainings = []
    for method in METHODS:
        try:
            model, epoch, callback = resume[method](folder / method, _new_model(build))
        except Exception:  # damage shows as any kind of error
            print("unusable", method)
            shutil.rmtree(folder / method)
            model, epoch, callback = resume[method](folder / method, _new_model(build))
        print("start", method, epoch, int(model.optimizer.iterations) / _batches(x))
        trainings.append((method, model, epoch, callback))
    for turn in range(EPOCHS):
        for method, model, first, callback in trainings:
            epoch = first + turn
            if epoch < EPOCHS:
                callbacks = [_say("saving", method), callback, _say("saved", method)]
                _train_one_epoch(model, x, y, epoch, callbacks)
    for method, model, *_ in trainings:
        weights = np.concatenate([array.ravel() for array in model.get_weights()])
        np.save(folder / method / "end.npy", weights)


def _train_one_epoch(model, x, y, epoch, callbacks):
    # The order depends on the epoch alone: an epoch that is trained again is the same.
    order = np.random.default_rng(epoch).permutation(len(x))
    model.fit(
        x[order],
        y[order],
        initial_epoch=epoch,
        epochs=epoch + 1,
        shuffle=False,
        verbose=0,
        callbacks=callbacks,
    )


def _say(word, method):
    """Return a callback that prints something at the end of each epoch."""
    return keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: print(word, method))


def _batches(x):
    return -(-len(x) // 32)


def _new_model(build):
    keras.utils.set_random_seed(1)
    return models.compile_classifier(models.BUILDS[build]())


def _resume_from_model_checkpoint(folder, model):
    path = folder / "checkpoint.keras"
    if path.exists():
        model = keras.models.load_model(path)
    # The file does not say from which epoch it is. But Adam counts batches.
    epoch = int(model.optimizer.iterations) // _batches(
        np.load(folder.parent / "data.npz")["y"]
    )
    return model, epoch, keras.callbacks.ModelCheckpoint(path)


def _resume_from_backup(folder, model):
    callback = keras.callbacks.BackupAndRestore(folder, delete_checkpoint=False)
    callback.set_model(model)
    callback.on_train_begin()  # as `fit` begins: load what there is
    path = folder / "training_metadata.json"
    return (
        model,
        json.loads(path.read_text())["epoch"] if path.exists() else 0,
        callback,
    )


def kill_training(script, folder, build, kills):
    """Start a training process, kill it, start it again, and count what it finds.

    Args:
        script: a script that runs `train` when it is called with "--train FOLDER BUILD".
        folder: as for `train`.
        build: as for `train`.
        kills: how often the process is killed, at most: a training that gets to its end is
            not killed any more.

    Returns:
        dict: for each method a Counter of "kills", "inside its save", "unusable",
        "wrong epoch" and "epochs" (that were trained, some of them again).
    """
    moment = random.Random(4)
    counts = {method: Counter() for method in METHODS}
    progress = keras.utils.Progbar(kills + 1, verbose=lesson.VERBOSE)
    waiting = deque()
    for turn in range(kills + 1):
        # Two processes wait, already started: TensorFlow takes long to start.
        while len(waiting) < min(3, kills + 1 - turn):
            waiting.append(lesson.start(script, "--train", folder, build))
        process = waiting.popleft()
        time_is_up = threading.Timer(600, process.kill)
        time_is_up.daemon = True  # it must not keep a lesson alive that is stopped
        time_is_up.start()
        print(file=process.stdin, flush=True)
        # Most kills aim at a save, half of these at SafeCheckpoint's; some at any moment.
        last = [["saving", METHODS[turn % 4 % 3]], ["saved", METHODS[0]]][turn % 8 == 7]
        lines = []
        killed = False
        for line in process.stdout:
            lines.append(line.split())
            if turn < kills and not killed and lines.count(last) == 2:
                time.sleep(moment.uniform(0, 0.01 if last[0] == "saving" else 0.3))
                process.kill()
                killed = True
        time_is_up.cancel()
        if process.wait() and not killed:
            sys.exit("The training process failed, or took more than ten minutes.")
        for method, count in counts.items():
            start = next(words for words in lines if words[:2] == ["start", method])
            count["kills"] += killed
            count["inside its save"] += killed and lines[-1] == ["saving", method]
            count["unusable"] += ["unusable", method] in lines
            count["wrong epoch"] += float(start[2]) != float(start[3])
            count["epochs"] += lines.count(["saving", method])
        progress.add(1)
        if not killed:
            break  # all epochs are trained
    return counts


def damage(path, model, verify=lambda path: None, copies=40):
    """Load damaged copies of a file, and count what happens.

    Args:
        path: a file in any of the formats that lessons 1 to 3 write. Each damaged copy
            takes its place; at the end it is as it was.
        model: the model that was saved, not compiled.
        verify: function of a path, called before the file is loaded; it may raise an error.
        copies: how many copies to try, once with one byte changed, once cut short.

    Returns:
        list of two collections.Counter, for changed and for cut copies: "noticed" (an
        error), "wrong" (no error, but other weights), "unharmed".
    """
    place = random.Random(4)
    content = path.read_bytes()
    results = Counter(), Counter()
    for _ in range(copies):
        at = place.randrange(len(content))
        byte = bytes([content[at] ^ 1 << place.randrange(8)])
        damaged = content[:at] + byte + content[at + 1 :], content[:at]
        for counts, copy in zip(results, damaged, strict=True):
            path.write_bytes(copy)
            try:
                verify(path)
                with warnings.catch_warnings(action="ignore"):
                    weights = _load_weights(path, model)
            except Exception:  # damage shows as any kind of error
                counts["noticed"] += 1
            else:
                equal = all(map(np.array_equal, weights, model.get_weights()))
                counts["unharmed" if equal else "wrong"] += 1
    path.write_bytes(content)
    return results


def _load_weights(path, model):
    if path.parent.name == "variables":
        return [v.numpy() for v in tf.saved_model.load(path.parent.parent).variables]
    if path.suffix == ".keras" or path.suffixes == [".h5"]:
        classes = {"Classifier": models.Classifier}
        loaded = keras.models.load_model(path, custom_objects=classes, compile=False)
        return loaded.get_weights()
    loaded = keras.models.clone_model(model)
    if path.suffix == ".h5":
        loaded.load_weights(path)
    else:
        checkpoint = tf.train.Checkpoint(model=loaded)
        checkpoint.read(path.with_suffix("")).assert_existing_objects_matched()
    return loaded.get_weights()
