"""Lesson 3: the H5 file, and the way out of it

The video types `model.save("model.h5")`, and this call still works today. The model that
it loads again predicts, but it cannot go on training. This lesson shows why, gives back to
the optimizer what the file holds, opens a file that Keras 2 wrote, and converts both.
"""

import json
import logging

import lesson
import data
import models

import h5py
import keras

args = lesson.arguments(__doc__, model=True)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
keras2_file = data.keras2_file()
folder = lesson.folder(__file__)
third_epoch = {
    "initial_epoch": 2,
    "epochs": 3,
    "shuffle": False,
    "verbose": lesson.VERBOSE,
}

lesson.step(1, "Train for two epochs, save, and look inside")
keras.utils.set_random_seed(1)
model = models.compile_classifier(models.BUILDS[args.model]())
model.fit(x_train, y_train, epochs=2, shuffle=False, verbose=lesson.VERBOSE)
h5_file = folder / "mnist.h5"
with lesson.expect_warning("This file format is considered legacy"):
    model.save(h5_file)
lesson.show(h5_file)
with h5py.File(h5_file) as file:
    config = json.loads(file.attrs["model_config"])
    training = json.loads(file.attrs["training_config"])
    state = len(file["optimizer_weights"].attrs["weight_names"])
built, trained = config["class_name"], training["optimizer_config"]["class_name"]
lesson.check(f"architecture: {built}", built == type(model).__name__)
lesson.check(f"training configuration, with {trained}", trained == "Adam")
lesson.check(
    f"optimizer state: {state} arrays", state == len(model.optimizer.variables)
)

# It is registered as "lessons>Classifier", but the .h5 loader looks for "Classifier".
# The other kinds of model ignore `custom_objects`.
lesson.step(2, "Load it, and try to go on training")
classes = {"Classifier": models.Classifier}
predictions = model.predict(x_test, batch_size=1000, verbose=0)
with lesson.expect_warning("the compiled metrics have yet to be built"):
    loaded = keras.models.load_model(h5_file, custom_objects=classes)
lesson.note("The warning is harmless: metrics get their variables in the first batch.")
again = loaded.predict(x_test, batch_size=1000, verbose=0)
lesson.check_equal("it predicts exactly what the saved model did", again, predictions)
got = len(loaded.optimizer.variables)
try:
    loaded.fit(x_train, y_train, **third_epoch)
except ValueError as error:
    lesson.show_error(error)
    lesson.note(
        "The loader builds Adam for the variables that are not in a layer: for none."
    )
    sentence = (
        f"so Adam got {got} of {state} arrays, iteration and learning rate, silently"
    )
    lesson.check(sentence, got == 2 and "Unknown variable" in str(error))
else:
    lesson.note(
        "This Keras has mended its loader: it goes on training. Step 3 still holds."
    )


# But the file is complete. So compile again, for a fresh optimizer; build it for the
# model's variables; and give them the values from the file.
def load_h5(path):
    """Load the classifier from an .h5 file of Keras 2 or 3, ready to go on training."""
    model = keras.models.load_model(path, custom_objects=classes, compile=False)
    models.compile_classifier(
        model
    )  # a model of yours: as it was compiled to be trained
    model.optimizer.build(model.trainable_variables)
    with h5py.File(path) as file:
        group = file["optimizer_weights"]
        names = list(group.attrs["weight_names"])
        values = [group[name][()] for name in names]
    if names[0].endswith(":0"):  # by Keras 2, which leaves out the learning rate
        values.insert(1, model.optimizer.learning_rate.numpy())
    if names[0].endswith(
        "iter:0"
    ):  # before TensorFlow 2.11: all means, then all squares
        means, squares = values[2 : 2 + len(names) // 2], values[2 + len(names) // 2 :]
        values[2:] = [
            value for pair in zip(means, squares, strict=True) for value in pair
        ]
    for variable, value in zip(model.optimizer.variables, values, strict=True):
        variable.assign(value)
    return model


lesson.step(3, "Give the optimizer its state")
resumed = load_h5(h5_file)
lesson.note(
    "The third epoch, resumed; and then of the model that was never interrupted:"
)
for each in (resumed, model):
    each.fit(x_train, y_train, **third_epoch)
difference = lesson.largest_difference(resumed.get_weights(), model.get_weights())
lesson.check("resumed from the .h5 file: not one bit is different", difference == 0)


# `get_config` says what the constructor was given. `from_config` makes a model from that,
# and has to build it: the .h5 loader fills variables, it does not create them.
class WithoutGetConfig(models.Classifier):
    get_config = keras.Model.get_config  # it knows only the constructor's defaults


class WithoutFromConfig(models.Classifier):
    @classmethod
    def from_config(cls, config):
        return cls(**config)  # as Keras does it


lesson.step(4, "A subclassed model: what get_config and from_config are for")
logging.getLogger("absl").setLevel(logging.ERROR)  # its warning was shown in step 1
for cls, message in (
    (WithoutGetConfig, "Shape mismatch"),
    (WithoutFromConfig, "Layer count mismatch"),
    (models.Classifier, "Unknown layer"),
):
    small = cls(hidden=32)
    small.build((None, 784))
    small.save(folder / "small.h5")
    known = {} if cls is models.Classifier else {cls.__name__: cls}
    lesson.note(f"{cls.__name__}, {'with' if known else 'without'} custom_objects:")
    with lesson.expect_error(ValueError, message):
        keras.models.load_model(folder / "small.h5", custom_objects=known)
loaded = keras.models.load_model(folder / "small.h5", custom_objects=classes)
difference = lesson.largest_difference(loaded.get_weights(), small.get_weights())
lesson.check(
    "with both methods and its name in custom_objects, it loads", difference == 0
)

# The file says "compile with this loss", in words that only Keras 2 knows.
lesson.step(5, "A file that Keras 2 wrote")
with lesson.expect_warning("Do not pass an `input_shape`"):
    with lesson.expect_error(TypeError, "could not be deserialized properly"):
        keras.models.load_model(keras2_file)
    old = load_h5(keras2_file)
lesson.note("The warning is for whoever writes such code, not for whoever loads it.")
loss, accuracy = old.evaluate(x_test, y_test, batch_size=1000, verbose=0)
batches = old.optimizer.iterations.numpy()
lesson.check(f"it gets {accuracy:.1%} of the test images right", accuracy > 0.94)
lesson.check(f"its Adam has seen {batches:,} batches, two epochs", batches == 3750)

lesson.step(6, "The way out: convert to .keras")
for name, from_h5 in (("mnist", load_h5(h5_file)), ("keras2", old)):
    from_h5.save(folder / f"{name}.keras")
    converted = keras.models.load_model(folder / f"{name}.keras")
    lesson.note(f"{name}.h5 and {name}.keras:")
    both = from_h5, converted
    lesson.check_equal("they predict the same", *(each(x_test) for each in both))
    for each in both:
        each.fit(x_train, y_train, **third_epoch)
    difference = lesson.largest_difference(*(each.get_weights() for each in both))
    lesson.check(
        "they go on training the same: not one bit is different", difference == 0
    )

# In Keras 3.15, saving as .h5 takes the optimizer out of the training configuration of
# the model that is saved. Without one, Keras compiles with its default, RMSprop.
lesson.step(7, "A trap: .h5 first, .keras second")
if "optimizer" in model.get_compile_config():
    lesson.note("This Keras has mended it: the model still knows its optimizer.")
else:
    model.save(folder / "trap.keras")
    with lesson.expect_warning("Skipping variable loading for optimizer"):
        optimizer = keras.models.load_model(folder / "trap.keras").optimizer
    name = type(optimizer).__name__
    lesson.check(f"trained with Adam, it comes back with {name}", name == "RMSprop")
    lesson.note("Save as .keras first, or convert what you load, as in step 6.")
