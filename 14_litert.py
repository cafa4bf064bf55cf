"""Lesson 14: LiteRT, the same model on a phone

The video promises that a saved model can move on to TensorFlow Lite. That is LiteRT
today, a package of its own. `model.export` writes one file, and an `Interpreter` runs
it, without TensorFlow. (`tf.lite.Interpreter` is deprecated.)
"""

import lesson  # first: it starts TensorFlow without its messages
import data
import models

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "Train for one epoch")

keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.fit(x_train, y_train, shuffle=False, verbose=2)

# Logits are the ten numbers that the model computes for an image: the largest is its
# answer.
logits = model.predict(x_test, verbose=0)
accuracy = np.mean(logits.argmax(axis=1) == y_test)
lesson.note(f"Keras: {accuracy:.2%} of the test images are right.")

lesson.step(2, "Export it to one file")

# The file has what the model computes, and the weights. It has no Keras layers and no
# optimizer state: it is for inference, as a SavedModel is.
litert_file = folder / "mnist.tflite"
model.export(litert_file, format="litert", verbose=False)
lesson.show(litert_file)

lesson.step(3, "Run it")


# The interpreter numbers its arrays: `index` is the number of an input or an output.
def predict(file, images):
    """Return the logits that a LiteRT file computes, float32 (n, 10)."""
    interpreter = Interpreter(model_content=file.read_bytes())
    index = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(index, images.shape)  # in the file it is one image
    with lesson.quietly():  # LiteRT writes a line about the processor
        interpreter.allocate_tensors()
    interpreter.set_tensor(index, images)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


litert_logits = predict(litert_file, x_test)
lesson.check_close("largest difference of a logit", litert_logits, logits)

# Try this with the file of your own model before you rely on it. Some can be exported,
# but the interpreter refuses them: LSTM and GRU (without `unroll=True`), mixed
# precision, IntegerLookup, TextVectorization.

lesson.step(4, "A smaller file")

# Quantization stores large arrays of weights as whole numbers of 8 bits, with a scale.
# The rest stays float32. How much smaller the file gets depends on the layers.
small_file = folder / "mnist-int8.tflite"
small = [tf.lite.Optimize.DEFAULT]
model.export(small_file, format="litert", optimizations=small, verbose=False)
lesson.show(small_file)
size = small_file.stat().st_size / litert_file.stat().st_size
lesson.check(f"it has {size:.0%} of the size", size < 0.3)

# The logits change a little; most answers stay the same.
small_logits = predict(small_file, x_test)
difference = np.abs(small_logits - logits).max()
lesson.note(f"Logits differ by up to {difference:.1g}.")
small_accuracy = np.mean(small_logits.argmax(axis=1) == y_test)
alike = abs(small_accuracy - accuracy) < 0.005
lesson.check(
    f"{small_accuracy:.2%} of the test images are right", alike, enough_data=args.full
)
