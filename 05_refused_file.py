"""Lesson 5, fourth part: a file that is refused

A weights file of the video's third model, the class, is refused by the two others. The
weights in it are good; they only stand in another place. `KerasFileEditor` says where,
and then they are moved.
"""

import contextlib
import io
import shutil

import lesson  # first: it starts TensorFlow without its messages
import data
import models

import h5py
import keras

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "Train the class, and save its weights")

keras.utils.set_random_seed(1)
subclassed_model = models.build_and_compile("subclassed")
subclassed_model.fit(x_train, y_train, shuffle=False, verbose=2)
refused_file = folder / "subclassed.weights.h5"
subclassed_model.save_weights(refused_file)

# Its optimizer is built, so that Adam's state can be loaded: lesson 1.
model = models.build_and_compile("sequential")
model.optimizer.build(model.trainable_variables)
with lesson.expect_error(ValueError, "could not be loaded"):
    model.load_weights(refused_file)

lesson.step(2, "Compare the file with the model")

# Keras has a tool for it. It wants a str, not a Path. What it prints is caught here,
# since it draws lines that some screens cannot show; its `summary` draws a tree.
with contextlib.redirect_stdout(io.StringIO()) as printed:
    editor = keras.saving.KerasFileEditor(str(refused_file))
    status = editor.compare(model)["status"]
for line in printed.getvalue().splitlines():
    if "Object" in line:
        lesson.note(line)
lesson.check(f"the comparison says: {status}", status == "error")

lesson.step(3, "Move the weights")

# In the file, `hidden` has what the model looks for under `layers/dense`. A file of
# this kind is like a folder, and in a folder things can be moved. Do it in a copy.
moved_file = folder / "moved.weights.h5"
shutil.copy(refused_file, moved_file)
with h5py.File(moved_file, "r+") as file:
    file.move("hidden", "layers/dense")
lesson.show(moved_file)

# The editor can do it, too: `add_object`, `delete_object`, `save`. But what it saves on
# Windows has backslashes in its names, and Keras does not find them.
with contextlib.redirect_stdout(io.StringIO()):
    editor = keras.saving.KerasFileEditor(str(moved_file))
    status = editor.compare(model)["status"]
lesson.check(f"the comparison says: {status}", status == "success")

lesson.step(4, "Load it, and continue training")

model.load_weights(moved_file)
lesson.check_same_weights("the weights are there", model, subclassed_model)

# Adam's state was in the file, too.
model.fit(x_train, y_train, shuffle=False, verbose=2)
subclassed_model.fit(x_train, y_train, shuffle=False, verbose=2)
lesson.check_same_weights("not one bit differs", model, subclassed_model)

# Which kinds of model are refused: python -m experiments.pairs
