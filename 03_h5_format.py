"""Lesson 3: the H5 file, and the way out of it

The video types `model.save("model.h5")`, and that still works today. The model that is
loaded from the file predicts, but it cannot go on training without help: this lesson
gives that help, and converts the file to `.keras`.
"""

import lesson  # first: it starts TensorFlow without its messages
import data
import models

import h5py
import keras

args = lesson.arguments(__doc__, model=True)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "Train for two epochs, and save")

keras.utils.set_random_seed(1)
model = models.build(args.model)
model.compile(
    optimizer=keras.optimizers.Adam(),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
    steps_per_execution=125,  # batches in one call: faster, with the same result
)
model.fit(x_train, y_train, epochs=2, shuffle=False, verbose=2)

h5_file = folder / "mnist.h5"
with lesson.expect_warning("This file format is considered legacy"):
    model.save(h5_file)
lesson.show(h5_file)

lesson.step(2, "Load it, and try to go on training")

# The loader of .h5 files has to be told the class of a subclassed model. `get_config`
# and `from_config`, which the video names, are for that, too: lesson 4.
classes = {"Classifier": models.Classifier}
with lesson.expect_warning("the compiled metrics have yet to be built"):
    loaded_model = keras.models.load_model(h5_file, custom_objects=classes)
lesson.note("That is harmless: metrics get their variables in the first batch.")
lesson.check_equal("it predicts as before", loaded_model(x_test), model(x_test))

# 200 batches of 32 images
x_few = x_train[:6400]
y_few = y_train[:6400]
with lesson.expect_error(ValueError, "Unknown variable"):
    loaded_model.fit(x_few, y_few, shuffle=False, verbose=2)

# Why: the loader builds the optimizer for no variables at all. Adam has got its step
# counter and its learning rate, and none of its running means. Nothing was said.
found = len(loaded_model.optimizer.variables)
saved = len(model.optimizer.variables)
lesson.check(f"Adam got {found} of {saved} arrays", found == 2)

lesson.step(3, "Give Adam its state")


# The file is complete. So compile the model anew, build its optimizer, and give it the
# arrays of the file, in their order.
def load_h5(path):
    """Load the classifier from an .h5 file of Keras 3, to go on training."""
    model = keras.models.load_model(path, custom_objects=classes, compile=False)
    model.compile(
        optimizer=keras.optimizers.Adam(),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.optimizer.build(model.trainable_variables)

    with h5py.File(path) as file:
        state = file["optimizer_weights"]
        names = state.attrs["weight_names"]
        for variable, name in zip(model.optimizer.variables, names, strict=True):
            variable.assign(state[name][()])  # [()] reads the whole array
    return model


sentence = "as if never interrupted: not one bit differs"
resumed_model = load_h5(h5_file)
resumed_model.save(folder / "mnist.keras")  # for step 4
resumed_model.fit(x_few, y_few, shuffle=False, verbose=2)
model.fit(x_few, y_few, shuffle=False, verbose=2)
lesson.check_same_weights(sentence, resumed_model, model)

lesson.step(4, "The way out: a .keras file")

converted_model = keras.models.load_model(folder / "mnist.keras")
converted_model.fit(x_few, y_few, shuffle=False, verbose=2)
lesson.check_same_weights(sentence, converted_model, model)

# A trap in Keras 3.15: after a save as .h5, a .keras file does not say any more which
# optimizer was used, and the loader takes RMSprop. So save as .keras first.
model.save(folder / "second.keras")
with lesson.expect_warning("Skipping variable loading for optimizer"):
    second_model = keras.models.load_model(folder / "second.keras")
optimizer = type(second_model.optimizer).__name__
lesson.check(f"Adam comes back as {optimizer}", optimizer == "RMSprop")
