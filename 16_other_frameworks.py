"""Lesson 16: other frameworks

Keras computes with TensorFlow, JAX, PyTorch, OpenVINO or NumPy: its backend. A `.keras`
file is the same for all; one written on PyTorch needs care. PyTorch without Keras takes
the weights alone, and many other programs run ONNX files.
"""

import os

import lesson  # first: it starts TensorFlow without its messages
import data
import models

import keras
import numpy as np

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "Train with TensorFlow, and save")

keras.utils.set_random_seed(1)
model = models.build()
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
model.fit(x_train, y_train, shuffle=False, verbose=2)
model.save(folder / "mnist.keras")

# 100 batches of 32 images, for other programs, and what the model predicts of them.
x_few, y_few = x_train[:3200], y_train[:3200]
logits = model.predict(x_few, verbose=0)
np.savez(folder / "images.npz", x=x_few, y=y_few, predictions=logits)

lesson.step(2, "PyTorch, without Keras")

# A safetensors file holds named arrays and no program. A kernel of Keras, transposed,
# is a `weight` of PyTorch. Without `ascontiguousarray` the file is wrong, silently.
if lesson.is_installed("torch") and lesson.is_installed("safetensors"):
    from safetensors.numpy import save_file

    weights = {}
    for layer in model.layers:  # named "hidden" and "logits"
        kernel, bias = layer.get_weights()
        weights[f"{layer.name}.weight"] = np.ascontiguousarray(kernel.T)
        weights[f"{layer.name}.bias"] = bias
    save_file(weights, folder / "mnist.safetensors")
    lesson.run("programs/in_pytorch.py")

lesson.step(3, "Keras on another backend")

# Keras reads the environment variable KERAS_BACKEND when it starts: in a new process.
# On NumPy and OpenVINO it has no `fit`. On the others it continues training, as here:
model.fit(x_few, y_few, shuffle=False, verbose=2)


def run_keras_on(backend):
    os.environ["KERAS_BACKEND"] = backend
    with lesson.quietly():
        lesson.run("programs/other_backend.py")


def compare(other):
    difference = lesson.largest_difference(other.get_weights(), model.get_weights())
    lesson.check(f"weights differ by at most {difference:.1g}", difference < 1e-4)
    other.fit(x_few, y_few, shuffle=False, verbose=2)  # it continues here


if lesson.is_installed("jax"):
    run_keras_on("numpy")  # Keras on NumPy borrows a few functions of JAX
    run_keras_on("jax")
    compare(keras.models.load_model(folder / "jax.keras"))
if lesson.is_installed("torch"):
    # On PyTorch, Keras has its own optimizers: elsewhere such a `.keras` file fails to
    # load, or to train. So take the weights, with Adam's state.
    run_keras_on("torch")
    other_model = keras.models.load_model(folder / "mnist.keras")
    other_model.load_weights(folder / "torch.weights.h5")
    compare(other_model)

lesson.step(4, "ONNX")

# OpenVINO has a format, too: model.export("mnist.xml", format="openvino").
packages = ["onnx", "tf2onnx", "onnxruntime"]
if all(map(lesson.is_installed, packages)):
    import onnxruntime

    with lesson.quietly():
        model.export(folder / "mnist.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(folder / "mnist.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: x_test})
    lesson.check_close("largest difference", found, model.predict(x_test, verbose=0))
