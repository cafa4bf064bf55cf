"""Lesson 5, third part: another head

A model that has learned ten classes is a good start for another task with five. Load
what fits, keep it as it is, and train the rest: this is called transfer learning.
"""

import lesson  # first: it starts TensorFlow without its messages
import data
import models

import keras

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

lesson.step(1, "Train for ten classes, and save the weights")

keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.fit(x_train, y_train, shuffle=False, verbose=2)
model.save_weights(folder / "ten.weights.h5")

lesson.step(2, "The error: another head")

# The new task: is it 0 or 1, 2 or 3, 4 or 5, 6 or 7, 8 or 9? Five classes, and only 500
# images. The last layer, the head, has another size than in the file.
x_few = x_train[:500]
y_few = y_train[:500] // 2
new_model = keras.Sequential()
new_model.add(keras.Input(shape=(784,)))
new_model.add(keras.layers.Dense(64, activation="relu", name="base"))
new_model.add(keras.layers.Dense(5, name="head"))
new_weights = new_model.get_weights()
with lesson.expect_error(ValueError, "could not be loaded"):
    new_model.load_weights(folder / "ten.weights.h5")

lesson.step(3, "Load what fits, and check what was loaded")

with lesson.expect_warning("could not be loaded"):
    new_model.load_weights(folder / "ten.weights.h5", skip_mismatch=True)

# The warning names one layer of those that were left out. So look at each. Without a
# look, you could train on a base of random numbers.
base = new_model.get_layer("base")
head = new_model.get_layer("head")
lesson.check_equal("the base was loaded", base.kernel, model.layers[0].kernel)
lesson.check_equal("the head was not", head.get_weights()[0], new_weights[2])

lesson.step(4, "Freeze the base, and train the head")

# Training does not change a frozen layer. Freeze first, and compile after that.
base.trainable = False
new_model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
new_model.fit(x_few, y_few, epochs=20, shuffle=False, verbose=0)
_, frozen = new_model.evaluate(x_test, y_test // 2, verbose=0)
lesson.check_equal("the base: unchanged", base.kernel, model.layers[0].kernel)
lesson.note(f"The head trained: {frozen:.1%} of the test images are right.")

lesson.step(5, "Unfreeze the base, and train all")

# In small steps, so that the base does not forget what it has learned.
base.trainable = True
small_steps = keras.optimizers.Adam(learning_rate=0.0003)
new_model.compile(optimizer=small_steps, loss=loss, metrics=["accuracy"])
new_model.fit(x_few, y_few, epochs=20, shuffle=False, verbose=0)
_, unfrozen = new_model.evaluate(x_test, y_test // 2, verbose=0)
lesson.check(f"all trained: {unfrozen:.1%}", unfrozen > frozen, enough_data=args.full)

# The same 500 images, without the weights of the first task:
new_model.set_weights(new_weights)
new_model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
new_model.fit(x_few, y_few, epochs=40, shuffle=False, verbose=0)
_, afresh = new_model.evaluate(x_test, y_test // 2, verbose=0)
lesson.check(f"trained afresh: {afresh:.1%}", afresh < unfrozen, enough_data=args.full)

# A base that is a Sequential model of its own stays frozen when it is loaded:
# 05_frozen_base.py.
