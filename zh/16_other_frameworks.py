"""第 16 课：其他框架

Keras 的后端可以是 TensorFlow、JAX、PyTorch、OpenVINO 或 NumPy。
`.keras` 文件对它们都一样；用 PyTorch 后端写的要另作处理。只用 PyTorch、
不用 Keras 时，就只取权重；许多其他程序能运行 ONNX 文件。
"""

import os

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data
import models

import keras
import numpy as np

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "用 TensorFlow 训练，然后保存")

keras.utils.set_random_seed(1)
model = models.build()
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
model.fit(x_train, y_train, shuffle=False, verbose=2)
model.save(folder / "mnist.keras")

# 为其他程序准备 100 个批次（batch），每批 32 张图像，再加上模型对它们的预测结果。
x_few, y_few = x_train[:3200], y_train[:3200]
logits = model.predict(x_few, verbose=0)
np.savez(folder / "images.npz", x=x_few, y=y_few, predictions=logits)

lesson.step(2, "PyTorch，不用 Keras")

# safetensors 文件里只有带名称的数组，没有程序。Keras 的 kernel 转置之后，
# 就是 PyTorch 的 `weight`。不用 `ascontiguousarray`，文件就是错的，而且没有任何提示。
if lesson.is_installed("torch") and lesson.is_installed("safetensors"):
    from safetensors.numpy import save_file

    weights = {}
    for layer in model.layers:  # 名为 "hidden" 和 "logits"
        kernel, bias = layer.get_weights()
        weights[f"{layer.name}.weight"] = np.ascontiguousarray(kernel.T)
        weights[f"{layer.name}.bias"] = bias
    save_file(weights, folder / "mnist.safetensors")
    lesson.run("programs/in_pytorch.py")

lesson.step(3, "换一个后端用 Keras")

# Keras 在启动时读取环境变量 KERAS_BACKEND，所以要用新进程。用 NumPy 和 OpenVINO
# 作后端时，它没有 `fit`。用其他后端时可以继续训练，与这里一样：
model.fit(x_few, y_few, shuffle=False, verbose=2)


def run_keras_on(backend):
    os.environ["KERAS_BACKEND"] = backend
    with lesson.quietly():
        lesson.run("programs/other_backend.py")


def compare(other):
    difference = lesson.largest_difference(other.get_weights(), model.get_weights())
    lesson.check(f"权重的最大差值为 {difference:.1g}", difference < 1e-4)
    other.fit(x_few, y_few, shuffle=False, verbose=2)  # 在这里继续训练


if lesson.is_installed("jax"):
    run_keras_on("numpy")  # Keras 的 NumPy 后端借用了 JAX 的几个函数
    run_keras_on("jax")
    compare(keras.models.load_model(folder / "jax.keras"))
if lesson.is_installed("torch"):
    # 用 PyTorch 作后端时，Keras 的优化器是另一套：这样写的 `.keras` 文件，
    # 在别的后端上不能加载，或者不能训练。所以只取权重和 Adam 的状态。
    run_keras_on("torch")
    other_model = keras.models.load_model(folder / "mnist.keras")
    other_model.load_weights(folder / "torch.weights.h5")
    compare(other_model)

lesson.step(4, "ONNX")

# OpenVINO 也有一种格式：model.export("mnist.xml", format="openvino")。
packages = ["onnx", "tf2onnx", "onnxruntime"]
if all(map(lesson.is_installed, packages)):
    import onnxruntime

    with lesson.quietly():
        model.export(folder / "mnist.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(folder / "mnist.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: x_test})
    lesson.check_close("最大差值", found, model.predict(x_test, verbose=0))
