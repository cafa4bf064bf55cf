"""Lesson 16: other frameworks

Keras computes with TensorFlow, JAX, PyTorch, OpenVINO or NumPy: its backend. A `.keras`
file does not say which one has written it. PyTorch without Keras takes the weights
alone, and many other programs run ONNX files.
"""

import os
from importlib.util import find_spec

import lesson  # first: it starts TensorFlow without its messages
import data
import models

import keras
import numpy as np

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)
INSTALL = "Install it with: python -m pip install -r requirements-other.txt"


def installed(package):
    if find_spec(package) is None:
        lesson.note(f"{package} is not installed: this step is left out. {INSTALL}")
    return find_spec(package)


lesson.step(1, "Train with TensorFlow, and save")

# 784 inputs, Dense(64, relu) with the name "hidden", Dense(10) with the name "logits".
keras.utils.set_random_seed(1)
model = models.build()
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
model.fit(x_train, y_train, shuffle=False, verbose=2)
model.save(folder / "mnist.keras")

# 100 batches of 32 images, for other programs, and what the model predicts of them.
x_few, y_few = x_train[:3200], y_train[:3200]
predicted = model.predict(x_few, verbose=0)
np.savez(folder / "images.npz", x=x_few, y=y_few, predictions=predicted)

lesson.step(2, "PyTorch, without Keras")

# A safetensors file holds named arrays and no program. A kernel of Keras, transposed,
# is a `weight` of PyTorch. Without `ascontiguousarray` the file is wrong, silently.
if installed("torch") and installed("safetensors"):
    from safetensors.numpy import save_file

    kernel, bias, logits_kernel, logits_bias = model.get_weights()
    weights = {"hidden.bias": bias, "logits.bias": logits_bias}
    weights["hidden.weight"] = np.ascontiguousarray(kernel.T)
    weights["logits.weight"] = np.ascontiguousarray(logits_kernel.T)
    save_file(weights, folder / "mnist.safetensors")
    lesson.run("programs/in_pytorch.py")

lesson.step(3, "Keras on another backend")

# Keras looks at the environment variable KERAS_BACKEND when it starts. So it takes a
# new process, and a program without TensorFlow. On NumPy and OpenVINO it has no `fit`;
# on the others it continues training, as the model does here, to compare with.
model.fit(x_few, y_few, shuffle=False, verbose=2)


def run_keras_on(backend):
    os.environ["KERAS_BACKEND"] = backend
    with lesson.quietly():
        lesson.run("programs/other_backend.py")


def compare(other_model):
    difference = np.abs(other_model.get_weights()[0] - model.get_weights()[0]).max()
    lesson.check(f"weights differ by at most {difference:.1g}", difference < 1e-4)
    steps = int(other_model.optimizer.iterations)
    lesson.check(f"Adam has made {steps:,} steps", steps == model.optimizer.iterations)


if installed("jax"):
    run_keras_on("numpy")  # Keras on NumPy borrows a few functions of JAX
    run_keras_on("jax")
    compare(keras.models.load_model(folder / "jax.keras"))
if installed("torch"):
    run_keras_on("torch")
    compare(keras.models.load_model(folder / "torch.keras"))

lesson.step(4, "ONNX")

# OpenVINO has a format, too: model.export("mnist.xml", format="openvino").
if installed("onnx") and installed("tf2onnx") and installed("onnxruntime"):
    import onnxruntime  # a program of its own, for many languages and devices

    with lesson.quietly():
        model.export(folder / "mnist.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(folder / "mnist.onnx")
    (logits,) = session.run(None, {session.get_inputs()[0].name: x_test})
    lesson.check_close("logits differ by", logits, model.predict(x_test, verbose=0))
