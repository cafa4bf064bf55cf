"""Lesson 2: save and load the whole model

The video calls `model.save("model/")`. Today that is one file, whose name ends in
`.keras`. Another program can load it and continue training, without the code that
built the model: programs/resume.py is that program.
"""

import json
import zipfile

import lesson  # first: it starts TensorFlow without its messages
import data

import keras
import numpy as np

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "Train for two epochs")

keras.utils.set_random_seed(1)
model = keras.Sequential()
model.add(keras.Input(shape=(784,)))
model.add(keras.layers.Dense(64, activation="relu"))
model.add(keras.layers.Dense(10))

model.compile(
    optimizer=keras.optimizers.Adam(),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
    steps_per_execution=125,  # batches in one call: faster, with the same result
)
model.fit(x_train, y_train, epochs=2, shuffle=False, verbose=2)

lesson.step(2, "Save the model")

# As the video does it:
with lesson.expect_error(ValueError, "Invalid filepath extension for saving"):
    model.save("model/")

# As today's Keras wants it:
model_file = folder / "mnist.keras"
model.save(model_file)
lesson.show(model_file)

lesson.step(3, "Look inside")

# The file is a zip archive. Its config.json says what the model is, layer by layer,
# and how it was compiled.
with zipfile.ZipFile(model_file) as archive:
    config = json.loads(archive.read("config.json"))
loss = config["compile_config"]["loss"]["class_name"]
optimizer = config["compile_config"]["optimizer"]["class_name"]
lesson.note(f"The model's class: {config['class_name']}")
lesson.check(f"the loss: {loss}", loss == "SparseCategoricalCrossentropy")
lesson.check(f"the optimizer: {optimizer}", optimizer == "Adam")

# Its model.weights.h5 is what lesson 1 wrote: the weights, and the optimizer's state.
lesson.note("Not in the file: the random numbers of Dropout, the order of the data,")
lesson.note("and what callbacks remember. Lesson 9 is about them.")

lesson.step(4, "Continue training in a new process")

# The new process must predict what this one predicts.
np.save(folder / "predictions.npy", model.predict(x_test, verbose=0))
lesson.run("programs/resume.py", f"--samples={args.samples}")

# It has trained with 200 batches of 32 images. So does the model here, which was never
# interrupted.
x_few = x_train[:6400]
y_few = y_train[:6400]
lesson.note("The model of this process, never interrupted:")
model.fit(x_few, y_few, shuffle=False, verbose=2)
resumed_model = keras.models.load_model(folder / "resumed.keras")
lesson.check_same_weights(
    "resumed there, and never interrupted: not one bit differs", resumed_model, model
)

lesson.step(5, "Without Adam's state")

# Compiling again creates a new optimizer, without the running means of the gradients.
# It still learns, but on another path.
fresh_adam_model = keras.models.load_model(model_file)
fresh_adam_model.compile(
    optimizer=keras.optimizers.Adam(),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
fresh_adam_model.fit(x_few, y_few, shuffle=False, verbose=2)
lesson.check_other_weights("with a fresh Adam", fresh_adam_model, model)

# What that costs, batch by batch, with a plot: python -m experiments.resume_loss
