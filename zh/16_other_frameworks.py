"""第 16 课：其他框架

Keras 用 TensorFlow、JAX、PyTorch 或 NumPy 来计算，这叫后端（backend）。
`.keras` 文件里并不写明用的是哪一种。另外，ONNX 是许多别的程序都能运行的格式。
"""

import os
import sys
from importlib.util import find_spec

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data

import keras
import numpy as np

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)
INSTALL = f"安装命令：{sys.executable} -m pip install -r requirements-other.txt"

lesson.step(1, "用 TensorFlow 训练，然后保存")

keras.utils.set_random_seed(1)
model = keras.Sequential()
model.add(keras.Input(shape=(784,)))
model.add(keras.layers.Dense(64, activation="relu"))
model.add(keras.layers.Dense(10))

model.compile(
    optimizer=keras.optimizers.Adam(),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.fit(x_train, y_train, shuffle=False, verbose=2)
model.save(folder / "mnist.keras")

# 为另一个程序准备 100 个批次（batch），每批 32 张图像，再加上模型对它们的预测结果。
x_few = x_train[:3200]
y_few = y_train[:3200]
predictions = model.predict(x_few, verbose=0)
np.savez(folder / "images.npz", x=x_few, y=y_few, predictions=predictions)

lesson.step(2, "用 NumPy 预测")

# Keras 启动时会看环境变量 KERAS_BACKEND。所以需要一个新进程，运行一个不导入
# TensorFlow 的程序。Keras 的 NumPy 后端借用了 JAX 的几个函数。
if find_spec("jax") is None:
    lesson.note(f"没有安装 JAX，跳过这一步。{INSTALL}")
else:
    os.environ["KERAS_BACKEND"] = "numpy"
    with lesson.quietly():
        lesson.run("programs/other_backend.py")

lesson.step(3, "用 JAX 预测，并继续训练")

if find_spec("jax") is None:
    lesson.note(f"没有安装 JAX，跳过这一步。{INSTALL}")
else:
    os.environ["KERAS_BACKEND"] = "jax"
    with lesson.quietly():
        lesson.run("programs/other_backend.py")

    # 回到 TensorFlow：加载的模型带着 Adam 的状态，训练过程也与这里的模型相同。
    # JAX 的舍入略有不同，训练会把它放大。
    jax_model = keras.models.load_model(folder / "jax.keras")
    model.fit(x_few, y_few, shuffle=False, verbose=2)
    kernel = model.get_weights()[0]
    difference = np.abs(jax_model.get_weights()[0] - kernel).max()
    lesson.check(f"权重的最大差值为 {difference:.1g}", difference < 1e-4)
    jax_steps = int(jax_model.optimizer.iterations)
    steps = int(model.optimizer.iterations)
    lesson.check(f"Adam 已完成 {jax_steps:,} 个训练步", jax_steps == steps)

    # 它还能在这里继续训练。
    jax_model.fit(x_few, y_few, shuffle=False, verbose=2)

lesson.step(4, "ONNX")

missing = [name for name in ("onnx", "tf2onnx", "onnxruntime") if not find_spec(name)]
if missing:
    lesson.note(f"没有安装 {missing[0]}，跳过这一步。{INSTALL}")
else:
    with lesson.quietly():
        model.export(folder / "mnist.onnx", format="onnx", verbose=False)
    lesson.show(folder / "mnist.onnx")

    # ONNX Runtime 是一个独立的程序，支持许多语言和设备。
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / "mnist.onnx")
    name = session.get_inputs()[0].name
    (logits,) = session.run(None, {name: x_test})
    predictions = model.predict(x_test, verbose=0)
    lesson.check_close("模型的输出（logits）的最大差值", logits, predictions)
