"""Lesson 3: the H5 file, and the way out of it

The video calls `model.save("model.h5")`, and that still works today. The model that is
loaded from the file predicts, but it cannot continue training without help: this lesson
gives that help, and converts the file to `.keras`.
"""

import lesson  # first: it starts TensorFlow without its messages
import data

import h5py
import keras

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "Train for two epochs, and save")

keras.utils.set_random_seed(1)
model = keras.Sequential()
model.add(keras.Input(shape=(784,)))
model.add(keras.layers.Dense(64, activation="relu"))
model.add(keras.layers.Dense(10))

loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(
    optimizer="adam",
    loss=loss,
    metrics=["accuracy"],
    steps_per_execution=125,  # batches in one call: faster, with the same result
)
model.fit(x_train, y_train, epochs=2, shuffle=False, verbose=2)

h5_file = folder / "mnist.h5"
with lesson.expect_warning("This file format is considered legacy"):
    model.save(h5_file)
lesson.show(h5_file)

lesson.step(2, "Load it, and try to continue training")

with lesson.expect_warning("the compiled metrics have yet to be built"):
    loaded_model = keras.models.load_model(h5_file)
lesson.note("That is harmless: metrics get their variables in the first batch.")
lesson.check_equal("it predicts as before", loaded_model(x_test), model(x_test))

# 200 batches of 32 images
x_few = x_train[:6400]
y_few = y_train[:6400]
with lesson.expect_error(ValueError, "Unknown variable"):
    loaded_model.fit(x_few, y_few, shuffle=False, verbose=2)

# Why: the loader builds the optimizer for no variables at all. Adam has its step
# counter and its learning rate, but not its running means, and there was no warning.
found = len(loaded_model.optimizer.variables)
saved = len(model.optimizer.variables)
lesson.check(f"Adam got {found} of {saved} arrays", found == 2)

lesson.step(3, "Give Adam its state")

# The file is complete. So compile the model anew, build its optimizer, and give it the
# arrays of the file, in their order.
resumed_model = keras.models.load_model(h5_file, compile=False)
resumed_model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
resumed_model.optimizer.build(resumed_model.trainable_variables)

with h5py.File(h5_file) as file:
    state = file["optimizer_weights"]
    names = state.attrs["weight_names"]
    for variable, name in zip(resumed_model.optimizer.variables, names, strict=True):
        variable.assign(state[name][()])  # [()] reads the whole array

keras_file = folder / "mnist.keras"
resumed_model.save(keras_file)  # for step 4
resumed_model.fit(x_few, y_few, shuffle=False, verbose=2)
model.fit(x_few, y_few, shuffle=False, verbose=2)
sentence = "as if never interrupted: not one bit differs"
lesson.check_same_weights(sentence, resumed_model, model)

lesson.step(4, "The way out: a .keras file")

# Step 3 has written it. So does one command, which does all of step 3, too:
# `.venv/bin/python -m modelfile mnist.h5 --convert mnist.keras`
converted_model = keras.models.load_model(keras_file)
converted_model.fit(x_few, y_few, shuffle=False, verbose=2)
lesson.check_same_weights(sentence, converted_model, model)

lesson.step(5, "A trap: save as .h5 first, then as .keras")

# In Keras 3.15 saving as .h5 takes the optimizer out of the model's settings. A .keras
# file that is saved after that no longer says which optimizer was used, and the loader
# takes RMSprop. So save as .keras first.
model.save(folder / "second.keras")
with lesson.expect_warning("Skipping variable loading for optimizer"):
    second_model = keras.models.load_model(folder / "second.keras")
optimizer = type(second_model.optimizer).__name__
lesson.check(f"Adam comes back as {optimizer}", optimizer == "RMSprop")
