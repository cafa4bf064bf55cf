"""Lesson 13, second part: several endpoints in one SavedModel

`model.export` writes one endpoint, which takes what the model takes. A program that
sends raw pictures needs another one, with the preprocessing in it: `ExportArchive`
writes as many as you like, and they share the weights.
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

lesson.step(1, "Train for one epoch")

# 784 inputs, Dense(64, relu) with the name "hidden", Dense(10): ten logits.
keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.fit(x_train, y_train, shuffle=False, verbose=2)

lesson.step(2, "Export it with two endpoints")


# An endpoint is a function of tensors. What it computes becomes a part of the file.
def digits(pictures):
    x = keras.ops.cast(pictures, "float32") / 255
    x = keras.ops.reshape(x, (-1, 784))
    return keras.ops.argmax(model(x, training=False), axis=1)


def hidden(images):
    return model.get_layer("hidden")(images)


# The input signature is the shape and dtype of what an endpoint takes. None in a shape:
# any number, here of pictures or images.
pictures_spec = keras.InputSpec(shape=(None, 28, 28), dtype="uint8")
images_spec = keras.InputSpec(shape=(None, 784), dtype="float32")

archive = keras.export.ExportArchive()
archive.track(model)
archive.add_endpoint("digits", digits, input_signature=[pictures_spec])
archive.add_endpoint("hidden", hidden, input_signature=[images_spec])
archive.write_out(folder / "exported", verbose=False)
lesson.show(folder / "exported")

lesson.step(3, "Load it in a process without Keras")

# Raw pictures, as they are in a PNG file: 0 is black, 255 is white.
pictures = np.round(x_test * 255).astype("uint8").reshape(-1, 28, 28)
np.save(folder / "pictures.npy", pictures)
np.save(folder / "images.npy", x_test)

program = """
    import sys
    sys.modules["keras"] = None  # as if Keras were not installed
    import numpy as np
    import tensorflow as tf
    loaded = tf.saved_model.load("exported")
    np.save("digits.npy", loaded.digits(np.load("pictures.npy")))
    np.save("hidden.npy", loaded.hidden(np.load("images.npy")))
"""

with lesson.quietly():
    lesson.run("-c", program, directory=folder)

digits_there = np.load(folder / "digits.npy")
expected = model.predict(x_test, verbose=0).argmax(axis=1)
lesson.check_equal("the digits are those of the model", digits_there, expected)
hidden_there = np.load(folder / "hidden.npy")
lesson.check_close("largest difference", hidden_there, hidden(x_test))

lesson.step(4, "Use an endpoint as a layer of a Keras model")

layer = keras.layers.TFSMLayer(folder / "exported", call_endpoint="hidden")
lesson.check_close("largest difference", layer(x_test), hidden(x_test))

lesson.step(5, "What a serving program sees")

# A program such as TensorFlow Serving calls an endpoint by its name, with named inputs.
# The first is also named serving_default. In a terminal, this prints it at length:
#     .venv/bin/saved_model_cli show --all --dir saved/13_several_endpoints/exported
loaded = tf.saved_model.load(folder / "exported")
for name, signature in loaded.signatures.items():
    inputs = signature.structured_input_signature[1]
    lesson.note(f"{name}: {inputs} -> {signature.structured_outputs}")

# Another shape is refused. A NumPy array of another dtype is not: 0.7 becomes 0.
with lesson.expect_error(TypeError, "Can not cast"):
    loaded.digits(pictures[:, :14])
digits_of_floats = loaded.digits(x_test.reshape(-1, 28, 28)).numpy()
share = np.mean(digits_of_floats == expected)
lesson.check(f"silently, {share:.0%} are the digits of the model", share < 0.5)
