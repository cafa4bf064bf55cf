"""Lesson 18: which format to choose

The video shows three ways to save a model. These lessons show seven: here they are, one
under the other, how to save and how to load, and what each is good for. Here each is
asked for its predictions; what training needs is in docs/formats.md.
"""

import lesson  # first: it starts TensorFlow without its messages
import data
import models
from modelfile import tfjs

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.fit(x_train, y_train, shuffle=False, verbose=2)

# Ten images, and what the trained model says of them: ten logits each. (The greatest
# logit is the digit.) Each loaded model has to say the same.
x_ten = x_test[:10]
logits = np.array(model(x_ten))

lesson.step(1, ".keras: the whole model, to go on training")

model.save(folder / "mnist.keras")
loaded_model = keras.models.load_model(folder / "mnist.keras")
lesson.check_close("the logits differ by", loaded_model(x_ten), logits)

lesson.step(2, ".weights.h5: weights for a program that builds the model")

# The optimizer must be built before its state can be loaded: lesson 1.
model.save_weights(folder / "mnist.weights.h5")
loaded_model = models.build_and_compile()
loaded_model.optimizer.build(loaded_model.trainable_variables)
loaded_model.load_weights(folder / "mnist.weights.h5")
lesson.check_close("the logits differ by", loaded_model(x_ten), logits)

lesson.step(3, "Checkpoint: for a training loop of your own")

# It takes other objects than models, too: optimizers, counters, several models.
tf.train.Checkpoint(model=model).write(folder / "checkpoint")
loaded_model = models.build_and_compile()
status = tf.train.Checkpoint(model=loaded_model).read(folder / "checkpoint")
status.assert_existing_objects_matched()  # or else it may load nothing: lesson 5
lesson.check_close("the logits differ by", loaded_model(x_ten), logits)

lesson.step(4, ".h5: where another program asks for it")

# Training does not go on from it without help: lesson 3.
with lesson.expect_warning("This file format is considered legacy"):
    model.save(folder / "mnist.h5")
loaded_model = keras.models.load_model(folder / "mnist.h5", compile=False)
lesson.check_close("the logits differ by", loaded_model(x_ten), logits)

lesson.step(5, "SavedModel: to predict without your Python code")

model.export(folder / "exported", verbose=False)
saved_model = tf.saved_model.load(folder / "exported")
lesson.check_close("the logits differ by", saved_model.serve(x_ten), logits)

lesson.step(6, "LiteRT: to predict on a phone")

litert_file = folder / "mnist.tflite"
model.export(litert_file, format="litert", verbose=False)
with lesson.quietly():
    interpreter = Interpreter(model_content=litert_file.read_bytes())
    interpreter.allocate_tensors()
predict = interpreter.get_signature_runner()
outputs = predict(keras_tensor=x_ten)
lesson.check_close("the logits differ by", outputs["output_0"], logits)

lesson.step(7, "TensorFlow.js: to predict in a browser")

# Two files, model.json and weights.bin, written by modelfile.tfjs: lesson 15.
web_folder = folder / "web"
web_folder.mkdir(exist_ok=True)
tfjs.save(model, web_folder)
loaded_model = tfjs.load(web_folder / "model.json")
lesson.check_close("the logits differ by", loaded_model(x_ten), logits)

# What each of them brings back:  python -m experiments.survival
# The same for 38 other models:   python -m experiments.zoo
# Size, and time to save and load: python -m experiments.cost
