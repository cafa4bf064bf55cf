"""Lesson 17: files of others

The video loads files that it has written itself. A file from somebody else can contain
a program, and it runs on your computer. Ask for weights, and build the model yourself.
Files that were damaged on their way are in 17_files_that_changed.py.
"""

import lesson  # first: it starts TensorFlow without its messages
import data
import models

import keras
import numpy as np
import tensorflow as tf

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "Python in a model file is refused")

# A Lambda layer computes what a piece of Python says. That piece is in the file, and it
# could delete your files as well. So Keras does not load it, from either format.
model = keras.Sequential([keras.Input((784,)), keras.layers.Lambda(lambda x: 2 * x)])
model.save(folder / "lambda.keras")
with lesson.expect_error(ValueError, "arbitrary code execution"):
    keras.models.load_model(folder / "lambda.keras")

with lesson.expect_warning("This file format is considered legacy"):
    model.save(folder / "lambda.h5")
with lesson.expect_error(ValueError, "arbitrary code execution"):
    keras.models.load_model(folder / "lambda.h5")

# `safe_mode=False` loads it and runs it. Only for files that you have written yourself!
own_model = keras.models.load_model(folder / "lambda.keras", safe_mode=False)
lesson.check_equal("our own file: it doubles", own_model(x_test[:1]), 2 * x_test[:1])

lesson.step(2, "A SavedModel runs what is in it")

# It has operations of TensorFlow, and one of them writes files. This model returns what
# it is given, and overwrites a file on the way.
victim = folder / "victim.txt"
victim.write_text("my own text")


class Trap(keras.layers.Layer):
    def call(self, inputs):
        tf.io.write_file(str(victim), "overwritten")
        return inputs


model = keras.Sequential([keras.Input((784,)), Trap()])
model.export(folder / "trap", verbose=False)
loaded_model = tf.saved_model.load(folder / "trap")
text = victim.read_text()
lesson.check(f"after loading, the file says: {text}", text == "my own text")
loaded_model.serve(x_test[:1])
text = victim.read_text()
lesson.check(f"after one call, the file says: {text}", text == "overwritten")

# This one waits until it is called; others write as soon as they are loaded. There is
# no safe mode: load a stranger's SavedModel where it can do no harm, in a container.

# A `.keras` file can have a layer that loads a SavedModel. Keras refuses it, too.
layer = keras.layers.TFSMLayer(str(folder / "trap"), call_endpoint="serve")
keras.Sequential([keras.Input((784,)), layer]).save(folder / "trap.keras")
with lesson.expect_error(ValueError, "loads an external SavedModel"):
    keras.models.load_model(folder / "trap.keras")

lesson.step(3, "Ask for weights")

# A weights file has arrays, and the model is your own: no stranger's code runs.
keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.fit(x_train, y_train, shuffle=False, verbose=2)
weights_file = folder / "mnist.weights.h5"
model.save_weights(weights_file)
loaded_model = models.build()
loaded_model.load_weights(weights_file)
lesson.check_same_weights("only arrays, and all of them", loaded_model, model)

# A file of NumPy arrays is as good. It could have a pickle, which is Python's way to
# store any object, and can be a program. `np.load` refuses it.
np.save(folder / "pickle.npy", np.array([{"any": "object"}]))
with lesson.expect_error(ValueError, "allow_pickle=False"):
    np.load(folder / "pickle.npy")

# What each format can run, and when, was tried: the table in docs/formats.md.
