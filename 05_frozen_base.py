"""Lesson 5, second part: a frozen base

Layers that were trained elsewhere are often frozen: training does not change them.
After loading, you may want to train them, too. In a Sequential base that takes a loop.
(The base here is random, and learns only in step 4: this lesson is about freezing.)
"""

import lesson  # first: it starts TensorFlow without its messages
import data

import keras

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

lesson.step(1, "Freeze a base, train the head, and save")

keras.utils.set_random_seed(1)
base = keras.Sequential(name="base")
base.add(keras.Input(shape=(784,)))
base.add(keras.layers.Dense(64, activation="relu"))
base.trainable = False
model = keras.Sequential([keras.Input(shape=(784,)), base, keras.layers.Dense(10)])
model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
model.fit(x_train[:6400], y_train[:6400], shuffle=False, verbose=2)
model.save(folder / "frozen.keras")

lesson.step(2, "Load it: the base is still frozen")

loaded_model = keras.models.load_model(folder / "frozen.keras")
base = loaded_model.get_layer("base")
trained = len(loaded_model.trainable_variables)
lesson.check(f"{trained} variables are trained, those of the head", trained == 2)

lesson.step(3, "Unfreeze the base")

# In the program that built the base, this is enough. In a loaded model it is not: the
# file says of each layer in the base that it is frozen, and they stay frozen.
base.trainable = True
trained = len(loaded_model.trainable_variables)
lesson.check(f"base.trainable = True: still {trained}", trained == 2)

# So unfreeze each layer.
for layer in base.layers:
    layer.trainable = True
trained = len(loaded_model.trainable_variables)
lesson.check(f"each layer of the base: {trained}", trained == 4)

lesson.step(4, "Compile again, and train all of it")

# The loaded optimizer knows the variables of the head only. So make a new one.
loaded_model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
kernel_before = base.get_weights()[0]
loaded_model.fit(x_train[:6400], y_train[:6400], shuffle=False, verbose=2)
changed = lesson.largest_difference([kernel_before], [base.get_weights()[0]])
lesson.check(
    f"the base has learned: weights changed by up to {changed:.2g}", changed > 0
)

# A Functional base is unfrozen by `base.trainable = True`, except for Sequential models
# in it. So count the trainable variables, as above.
