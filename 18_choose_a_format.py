"""Lesson 18: which format to choose

The video shows three ways to save a model. Here are seven, one after another: how to
save, how to load, and whether it predicts as before. A table at the end has two more.
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

# Ten images, and what the trained model predicts for them: ten logits each.
x_ten = x_test[:10]
logits = np.array(model(x_ten))

lesson.step(1, ".keras: the whole model, to continue training")

model.save(folder / "mnist.keras")
loaded_model = keras.models.load_model(folder / "mnist.keras")
lesson.check_close("largest difference of a logit", loaded_model(x_ten), logits)

lesson.step(2, ".weights.h5: weights for a program that builds the model")

# The optimizer must be built before its state can be loaded: lesson 1.
model.save_weights(folder / "mnist.weights.h5")
loaded_model = models.build_and_compile()
loaded_model.optimizer.build(loaded_model.trainable_variables)
loaded_model.load_weights(folder / "mnist.weights.h5")
lesson.check_close("largest difference of a logit", loaded_model(x_ten), logits)

lesson.step(3, "Checkpoint: for a training loop of your own")

# It takes other objects than models, too: optimizers, counters, several models.
tf.train.Checkpoint(model=model).write(folder / "checkpoint")
loaded_model = models.build_and_compile()
status = tf.train.Checkpoint(model=loaded_model).read(folder / "checkpoint")
status.assert_existing_objects_matched()  # or else it may load nothing: lesson 5
lesson.check_close("largest difference of a logit", loaded_model(x_ten), logits)

lesson.step(4, ".h5: where another program asks for it")

# To continue training, it needs help: lesson 3.
with lesson.expect_warning("This file format is considered legacy"):
    model.save(folder / "mnist.h5")
loaded_model = keras.models.load_model(folder / "mnist.h5", compile=False)
lesson.check_close("largest difference of a logit", loaded_model(x_ten), logits)

lesson.step(5, "SavedModel: to predict without your Python code")

model.export(folder / "exported", verbose=False)
saved_model = tf.saved_model.load(folder / "exported")
lesson.check_close("largest difference of a logit", saved_model.serve(x_ten), logits)

lesson.step(6, "LiteRT: to predict on a phone")

litert_file = folder / "mnist.tflite"
model.export(litert_file, format="litert", verbose=False)
with lesson.quietly():
    interpreter = Interpreter(model_content=litert_file.read_bytes())
    interpreter.allocate_tensors()
outputs = interpreter.get_signature_runner()(keras_tensor=x_ten)
lesson.check_close("largest difference of a logit", outputs["output_0"], logits)

lesson.step(7, "TensorFlow.js: to predict in a browser")

# Two files, model.json and weights.bin, written by modelfile.tfjs: lesson 15.
(folder / "web").mkdir(exist_ok=True)
tfjs.save(model, folder / "web")
loaded_model = tfjs.load(folder / "web" / "model.json")
lesson.check_close("largest difference of a logit", loaded_model(x_ten), logits)

lesson.step(8, "Which one when")

# A file may contain a program, which runs on your computer: lesson 17. ONNX and
# safetensors: lesson 16. What each format brings back: docs/formats.md.
print("   format         for                     runs code read by")
print("   .keras         continuing training     refused   Keras 3, on any backend")
print("   .weights.h5    your program's weights  no        Keras 3")
print("   checkpoint     your own training loop  no        TensorFlow")
print("   .h5            programs that need it   refused   Keras 3")

# For other programs:
print("   SavedModel     servers                 yes       TensorFlow")
print("   LiteRT         phones                  no        LiteRT")
print("   TensorFlow.js  browsers                no        TensorFlow.js")
print("   ONNX           other programs          no        ONNX Runtime, OpenVINO")
print("   safetensors    other frameworks        no        PyTorch, JAX, NumPy")
