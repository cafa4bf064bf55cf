"""Lesson 13: a SavedModel, to predict without your program

The video calls `model.save("model/")`. That wrote a folder, a SavedModel. Today `save`
writes one `.keras` file, to continue training, and `model.export("exported")` writes
the folder. It is for inference, which means: to predict.
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

# The subclassed model, because it is the hardest to load. Its computation is Python
# code, the class `models.Classifier`, and a `.keras` file does not contain that code.
keras.utils.set_random_seed(1)
model = models.build_and_compile("subclassed")
model.fit(x_train, y_train, shuffle=False, verbose=2)

lesson.step(2, "Export it")

# As the video does it:
with lesson.expect_error(ValueError, "Invalid filepath extension for saving"):
    model.save("model/")

# As today's Keras wants it: the path is that of a folder. (A subclassed model must have
# been called once before. `fit` has done that.)
exported_folder = folder / "exported"
model.export(exported_folder, verbose=False)
lesson.show(exported_folder)

lesson.note("saved_model.pb: the computation, as a graph of TensorFlow operations.")
lesson.note("variables/: the weights, each of them twice: issue 23553 of Keras.")
lesson.note("assets/: files that the model needs; this one needs none.")
lesson.note("fingerprint.pb: numbers that tell this SavedModel from others.")

lesson.step(3, "Predict in a new Python process, without the class")

# `serve` is the endpoint: the function of the SavedModel that is there to be called.
# It takes an array of the shape that the model was trained with, and returns ten logits
# per image: the largest is the answer. The process does not import `models`.
np.save(folder / "images.npy", x_test)

program = """
    import lesson  # it starts TensorFlow without its messages
    import numpy as np
    import tensorflow as tf
    loaded = tf.saved_model.load("exported")
    np.save("logits.npy", loaded.serve(np.load("images.npy")))
"""
lesson.run("-c", program, directory=folder)

logits = np.load(folder / "logits.npy")
lesson.check_close("largest difference of a logit", logits, model(x_test))

# Keep what is loaded in a variable, as above. In one line it is deleted too early:
with lesson.expect_error(AssertionError, "variables which have been deleted"):
    tf.saved_model.load(exported_folder).serve(x_test)

lesson.step(4, "Use it as a layer of a Keras model")

# Here `Softmax` comes after it, and turns the logits into probabilities.
saved_layer = keras.layers.TFSMLayer(exported_folder, call_endpoint="serve")
digit_model = keras.Sequential(
    [keras.Input(shape=(784,)), saved_layer, keras.layers.Softmax()]
)
probabilities = digit_model.predict(x_test[:1], verbose=0)[0]
digit = probabilities.argmax()
share = probabilities[digit]
same = digit == logits[0].argmax()
lesson.check(f"the first test image is a {digit}, {share:.0%} sure", same)

lesson.step(5, "What is not in it")

# It has no `fit`. Its weights can be trained inside another model, as that of step 4,
# but Dropout and BatchNormalization stay in inference mode.
loaded = tf.saved_model.load(exported_folder)
with lesson.expect_error(AttributeError, "no attribute 'fit'"):
    loaded.fit(x_train, y_train)

# It has no optimizer state. To continue training, save a `.keras` file: lesson 2.
numbers = sum(variable.numpy().size for variable in loaded.variables)
lesson.check(f"{numbers:,} numbers: the weights only", numbers == model.count_params())
