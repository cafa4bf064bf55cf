"""Lesson 6: files of Keras 2

If you followed the video in 2020, you have an `.h5` file or a folder that today's Keras
refuses. One command converts it. Then this lesson does by hand what the command does.
"""

import lesson  # first: it starts TensorFlow without its messages
import data

import keras
import numpy as np
import tf_keras  # Keras 2, which still runs on today's TensorFlow

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
old_file = data.keras2_file("functional/model.h5")
folder = lesson.folder(__file__)

lesson.step(1, "What today's Keras says to it")

with lesson.expect_warning("`decay`"), lesson.expect_error(ValueError, "`reduction`"):
    keras.models.load_model(old_file)

lesson.step(2, "One command")

# In a terminal: `.venv/bin/python -m modelfile model.h5 --convert model.keras`
#
# It compares both models before it writes, and it never overwrites a file.
new_file = folder / "model.keras"
new_file.unlink(missing_ok=True)
old, new = old_file.relative_to(lesson.ROOT), new_file.relative_to(lesson.ROOT)
lesson.run("-m", "modelfile", old, "--convert", new, directory=lesson.ROOT)
print()

model = keras.models.load_model(new_file)
steps = int(model.optimizer.iterations)
lesson.check(f"Adam has its state, after {steps:,} steps", steps == 3750)

lesson.step(3, "The same by hand: weights")

# Keras 2 loads its own file. A new model with the same layers takes the weights.
old_model = tf_keras.models.load_model(old_file)
model = keras.Sequential()
model.add(keras.Input(shape=(784,)))
model.add(keras.layers.Dense(64, activation="relu"))
model.add(keras.layers.Dense(10))
model.set_weights(old_model.get_weights())
lesson.check_close(
    "largest difference of a prediction", model(x_test), old_model(x_test)
)

lesson.step(4, "The same by hand: Adam's state")

# For each weight Adam keeps two running means: m, of the gradient, v, of its square.
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
model.optimizer.build(model.trainable_variables)
model.optimizer.iterations.assign(old_model.optimizer.iterations)

# Two variables stand before these means: the step counter and the learning rate.
means = model.optimizer.variables[2:]
for weight in old_model.trainable_variables:
    means.pop(0).assign(old_model.optimizer.get_slot(weight, "m"))
    means.pop(0).assign(old_model.optimizer.get_slot(weight, "v"))

lesson.step(5, "Continue training, as TensorFlow 2.3 did")

# TensorFlow 2.3 continued with 200 batches of 32 images, and its weights were kept.
model.fit(x_train[:6400], y_train[:6400], shuffle=False, verbose=2)
in_2020 = np.load(data.keras2_file("functional/reference.npz"))["w0"]
difference = lesson.largest_difference([model.get_weights()[0]], [in_2020])
result = f"the first kernel differs from TensorFlow 2.3's by at most {difference:.1g}"
lesson.check(result, difference < 1e-5, enough_data=args.samples >= 6400)

# The folders of the video convert, too: that of `save` in the same way, that of
# `save_weights` with a model that you build (modelfile.keras2.convert).
