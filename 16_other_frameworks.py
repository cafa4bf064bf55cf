"""Lesson 16: other frameworks

Keras computes with TensorFlow, JAX, PyTorch or NumPy: its backend. A `.keras` file does
not say which one has written it. And ONNX is a format that many other programs run.
"""

import os
import sys
from importlib.util import find_spec

import lesson  # first: it starts TensorFlow without its messages
import data

import keras
import numpy as np

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)
INSTALL = f"Install it with: {sys.executable} -m pip install -r requirements-other.txt"

lesson.step(1, "Train with TensorFlow, and save")

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

# 100 batches of 32 images, for another program, and what the model predicts of them.
x_few = x_train[:3200]
y_few = y_train[:3200]
predictions = model.predict(x_few, verbose=0)
np.savez(folder / "images.npz", x=x_few, y=y_few, predictions=predictions)

lesson.step(2, "NumPy predicts")

# Keras looks at the environment variable KERAS_BACKEND when it starts. So it takes a
# new process, and a program that does not import TensorFlow. Keras on NumPy borrows a
# few functions of JAX.
if find_spec("jax") is None:
    lesson.note(f"JAX is not installed: this step is left out. {INSTALL}")
else:
    os.environ["KERAS_BACKEND"] = "numpy"
    with lesson.quietly():
        lesson.run("programs/other_backend.py")

lesson.step(3, "JAX predicts, and goes on training")

if find_spec("jax") is None:
    lesson.note(f"JAX is not installed: this step is left out. {INSTALL}")
else:
    os.environ["KERAS_BACKEND"] = "jax"
    with lesson.quietly():
        lesson.run("programs/other_backend.py")

    # Back in TensorFlow: the loaded model has Adam's state, and has trained on the same
    # path as this model. JAX rounds differently, and training makes more of that.
    jax_model = keras.models.load_model(folder / "jax.keras")
    model.fit(x_few, y_few, shuffle=False, verbose=2)
    kernel = model.get_weights()[0]
    difference = np.abs(jax_model.get_weights()[0] - kernel).max()
    lesson.check(f"weights differ by at most {difference:.1g}", difference < 1e-4)
    jax_steps = int(jax_model.optimizer.iterations)
    steps = int(model.optimizer.iterations)
    lesson.check(f"Adam has made {jax_steps:,} steps", jax_steps == steps)

    # And it goes on training here.
    jax_model.fit(x_few, y_few, shuffle=False, verbose=2)

lesson.step(4, "ONNX")

missing = [name for name in ("onnx", "tf2onnx", "onnxruntime") if not find_spec(name)]
if missing:
    lesson.note(f"{missing[0]} is not installed: this step is left out. {INSTALL}")
else:
    with lesson.quietly():
        model.export(folder / "mnist.onnx", format="onnx", verbose=False)
    lesson.show(folder / "mnist.onnx")

    # ONNX Runtime is a program of its own, for many languages and devices.
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / "mnist.onnx")
    name = session.get_inputs()[0].name
    (logits,) = session.run(None, {name: x_test})
    predictions = model.predict(x_test, verbose=0)
    lesson.check_close("logits, the model's outputs, differ by", logits, predictions)
