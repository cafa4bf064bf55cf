"""Lesson 15: TensorFlow.js, the same model in a browser, and back

The video promises that a saved model can move on to TensorFlow.js. Its converter does
not start with today's TensorFlow, but its format is simple: `modelfile.tfjs` writes
and reads it. At the end you can draw a digit, and teach the model in a browser.
"""

import shutil

import lesson  # first: it starts TensorFlow without its messages
import data
import models
from modelfile import tfjs

import keras

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
page = lesson.folder(__file__) / "web"

lesson.step(1, "Train for two epochs")

keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.fit(x_train, y_train, epochs=2, shuffle=False, verbose=2)

lesson.step(2, "Save it for TensorFlow.js")

# In two files: model.json says what the layers are, in the words of TensorFlow.js, and
# weights.bin has the numbers. They go beside the page that will load them.
shutil.copytree(lesson.ROOT / "web", page, dirs_exist_ok=True)
tfjs.save(model, page)
lesson.show(page)

# TensorFlow.js has more layers, but `tfjs.save` writes a stack of Dense layers only. A
# model that is not such a stack is refused:
dropout_layer = keras.layers.Dropout(0.5, name="dropout")
dropout_model = keras.Sequential([keras.Input(shape=(784,)), dropout_layer])
with lesson.expect_error(ValueError, "Layer 'dropout' is a Dropout"):
    tfjs.save(dropout_model, page)

lesson.step(3, "Load it in Keras again")

loaded_model = tfjs.load(page / "model.json")
lesson.check_equal("it predicts the same", loaded_model(x_test), model(x_test))

lesson.step(4, "Continue training with it")

# The files hold no optimizer. So training continues with a new Adam, here as in the
# page. There you can teach the model with a drawing, and save it: tfjs.load loads that
# .json file, too. A few steps with one image can cost a model a lot of what it knew.
# Training with all images brings it back.
models.compile(loaded_model)
_, before = loaded_model.evaluate(x_test, y_test, verbose=0)
loaded_model.fit(x_train, y_train, shuffle=False, verbose=2)
_, after = loaded_model.evaluate(x_test, y_test, verbose=0)
lesson.note(f"Accuracy on the test images: {before:.2%} before, {after:.2%} after.")
lesson.check("it has learned more", after > before, enough_data=args.full)

lesson.step(5, "Draw a digit in your browser")

lesson.note("To do so, start: .venv/bin/python programs/serve.py")
