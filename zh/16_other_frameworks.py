"""第 16 课：其他框架

Keras computes with TensorFlow, JAX, PyTorch, OpenVINO or NumPy: its backend. A `.keras`
file is the same for all, but for one detail of PyTorch. PyTorch without Keras takes the
weights alone, and many other programs run ONNX files.
"""

import os
from importlib.util import find_spec

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data
import models

import keras
import numpy as np

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)
INSTALL = "安装命令：.venv/bin/python -m pip install -r requirements-other.txt"


def installed(package):
    if find_spec(package) is None:
        lesson.note(f"{package} is not installed: this step is left out. {INSTALL}")
    return find_spec(package)


lesson.step(1, "用 TensorFlow 训练，然后保存")

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
if installed("torch") and installed("safetensors"):
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


def compare(other_model):
    difference = np.abs(other_model.get_weights()[0] - model.get_weights()[0]).max()
    lesson.check(f"权重的最大差值为 {difference:.1g}", difference < 1e-4)
    other_model.fit(x_few, y_few, shuffle=False, verbose=2)  # it continues here


if installed("jax"):
    run_keras_on("numpy")  # Keras on NumPy borrows a few functions of JAX
    run_keras_on("jax")
    compare(keras.models.load_model(folder / "jax.keras"))
if installed("torch"):
    # On PyTorch, Keras has optimizers of its own: elsewhere its `.keras` file does not
    # load, or not train. So take the weights, with Adam's state.
    run_keras_on("torch")
    other_model = keras.models.load_model(folder / "mnist.keras")
    other_model.load_weights(folder / "torch.weights.h5")
    compare(other_model)

lesson.step(4, "ONNX")

# OpenVINO has a format, too: model.export("mnist.xml", format="openvino").
if installed("onnx") and installed("tf2onnx") and installed("onnxruntime"):
    import onnxruntime

    with lesson.quietly():
        model.export(folder / "mnist.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(folder / "mnist.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: x_test})
    lesson.check_close("largest difference", found, model.predict(x_test, verbose=0))
