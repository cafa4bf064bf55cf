"""Lesson 8, third part: save with Orbax

`keras.callbacks.OrbaxCheckpoint`, of Keras 3.14, saves while the training continues.
Keras's guide recommends it for large models and many computers. But what it has saved
does not always come back, and nothing says so. So check what you have loaded.
"""

import logging
import os
import shutil
import sys

import lesson  # first: it starts TensorFlow without its messages
import data
import models

import keras

args = lesson.arguments(__doc__)
(x_train, y_train), _ = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "Without Orbax")

# `fit` waits while ModelCheckpoint or BackupAndRestore writes its file.
keras.utils.set_random_seed(1)
model = models.build_and_compile("functional")
saver = keras.callbacks.ModelCheckpoint(folder / "mnist.keras")
model.fit(x_train, y_train, shuffle=False, callbacks=[saver], verbose=2)
loaded_model = keras.models.load_model(folder / "mnist.keras")
lesson.check_same_weights("the file is the model", loaded_model, model)
if not lesson.is_installed("orbax"):
    sys.exit()

lesson.step(2, "With Orbax: a functional model comes back")

# `fit` waits until the weights are copied, and trains on while they are written. Each
# epoch, counted from 0, is a folder; the last one stays (more: `max_to_keep=`).
logging.getLogger("absl").setLevel(logging.CRITICAL)  # Orbax warns at each save
shutil.rmtree(folder)  # of an earlier run, and the file of step 1
saver = keras.callbacks.OrbaxCheckpoint(folder / "functional")
model.fit(x_train, y_train, epochs=2, shuffle=False, callbacks=[saver], verbose=2)
for path in sorted(folder.glob("functional/*/*")):
    lesson.note(path.relative_to(folder).as_posix())

loaded_model = keras.models.load_model(folder / "functional")
model.fit(x_train, y_train, shuffle=False, verbose=2)
loaded_model.fit(x_train, y_train, shuffle=False, verbose=2)
lesson.check_same_weights("continued: not one bit differs", loaded_model, model)

lesson.step(3, "A sequential model comes back with random weights")


def build():
    model = models.sequential()  # named classifier, and its layers hidden and logits
    # Without a name, Keras calls the second Adam of a program adam_1: see step 4.
    adam = keras.optimizers.Adam(name="adam")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=adam, loss=loss, steps_per_execution=125)
    return model


model = build()
saver = keras.callbacks.OrbaxCheckpoint(folder / "sequential")
model.fit(x_train, y_train, epochs=2, shuffle=False, callbacks=[saver], verbose=2)
loaded_model = keras.models.load_model(folder / "sequential")
lesson.check_other_weights("no error, but random weights", loaded_model, model)
batches = int(loaded_model.optimizer.iterations)
lesson.note(f"All looks well: Adam has counted {batches:,} batches.")

# Orbax looks for each variable by its path, and leaves what it does not find as it was.
lesson.note(f"Saved: {model.weights[0].path}; loaded: {loaded_model.weights[0].path}")

lesson.step(4, "Build it with the same names, load, and continue after epoch 2")

restored_model = build()
restored_model.optimizer.build(restored_model.trainable_variables)
restored_model.load_weights(folder / "sequential")

# Without `initial_epoch` it starts at epoch 0. Orbax skips that silently, since it has
# a newer one; epoch 1, which it has, would then raise a FileExistsError.
saver = keras.callbacks.OrbaxCheckpoint(folder / "sequential")
order = {"initial_epoch": 2, "epochs": 3, "shuffle": False}
restored_model.fit(x_train, y_train, callbacks=[saver], verbose=2, **order)
model.fit(x_train, y_train, shuffle=False, verbose=2)
lesson.check_same_weights("continued: not one bit differs", restored_model, model)

lesson.step(5, "A relative folder")

# Orbax needs an absolute one. Else the error is only in its log (hidden here) until the
# next epoch is saved. After a single epoch `fit` ends as if all was well:
os.chdir(folder)
saver = keras.callbacks.OrbaxCheckpoint("relative")
model.fit(x_train[:3200], y_train[:3200], callbacks=[saver], verbose=2)
with lesson.expect_error(ValueError, "No valid checkpoints found"):
    keras.models.load_model("relative")

# Orbax is for models on many devices: lesson 12. For others a `.keras` file is simpler.
# Of what lesson 9 is about, Orbax keeps Dropout's random numbers, if it is loaded as in
# step 4. It does not keep what Normalization learned.
