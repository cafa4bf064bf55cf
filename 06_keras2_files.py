"""Lesson 6: a file of Keras 2

datasets/keras2.h5 is the video's classifier as Keras 2 saved it, with
`model.save("model.h5")`, after two epochs of training. Keras 3 does not load it as it
is. It takes a few lines, and Adam's state is in there, too.
"""

try:
    import lesson  # first: it starts TensorFlow without its messages
except ModuleNotFoundError:
    raise SystemExit("lesson.py is missing: copy the whole folder of the lessons.")
import data

import h5py
import keras

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
keras2_file = data.keras2_file()
folder = lesson.folder(__file__)

lesson.step(1, "Load the model")

# The file says "compile with this loss", in words that only Keras 2 knows. So leave
# that out. (The warning is for whoever writes `input_shape` in a program today.)
with lesson.expect_warning("Do not pass an `input_shape`"):
    with lesson.expect_error(TypeError, "could not be deserialized properly"):
        keras.models.load_model(keras2_file)
    model = keras.models.load_model(keras2_file, compile=False)

# And compile as the video does. This is enough to predict, and to train with a fresh
# optimizer.
model.compile(
    optimizer=keras.optimizers.Adam(),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
lesson.check(f"right: {accuracy:.1%} of the test images", accuracy > 0.94)

lesson.step(2, "Give Adam its state")

# What is in the file: a step counter, then for each weight the running mean of the
# gradient (m) and that of its square (v).
with h5py.File(keras2_file) as file:
    state = file["optimizer_weights"]
    names = list(state.attrs["weight_names"])
    values = [state[name][()] for name in names]
for name in names:
    lesson.note(name)

# Keras 3 keeps them in the same order, with the learning rate in the second place. That
# is not in the file.
model.optimizer.build(model.trainable_variables)
variables = model.optimizer.variables
variables.pop(1)
for variable, value in zip(variables, values, strict=True):
    variable.assign(value)
steps = int(model.optimizer.iterations)
lesson.check(f"Adam has seen {steps} batches: two epochs", steps == 3750)

lesson.step(3, "Save it as .keras, and go on training")

# From now on it is a file of Keras 3.
model.save(folder / "keras2.keras")
converted_model = keras.models.load_model(folder / "keras2.keras")
model.fit(x_train, y_train, initial_epoch=2, epochs=3, shuffle=False, verbose=2)
converted_model.fit(
    x_train, y_train, initial_epoch=2, epochs=3, shuffle=False, verbose=2
)
lesson.check_same_weights("not one bit is different", converted_model, model)

# Many other models of Keras 2 do not load with `compile=False`, either. Then build the
# model with today's Keras, as it was, and fill it: model.load_weights("model.h5")
