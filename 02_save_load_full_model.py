"""Lesson 2: save and load the whole model

The video types `model.save("model/")`. Today that is one `.keras` file, which holds all
that it takes to go on training in a new process. What the video's folder has become is
`model.export("exported/")`: a SavedModel, for inference only.
"""

import io
import json
import zipfile

import lesson
import data
import models

import h5py
import keras
import numpy as np
import tensorflow as tf

args = lesson.arguments(__doc__, model=True)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "Train for two epochs, and save the model")
keras.utils.set_random_seed(1)
model = models.compile_classifier(models.BUILDS[args.model]())
model.fit(x_train, y_train, epochs=2, shuffle=False, verbose=lesson.VERBOSE)
lesson.note('First as the video does it, with "model/":')
with lesson.expect_error(ValueError, "Invalid filepath extension for saving"):
    model.save("model/")
lesson.note("Then as today's Keras wants it:")
model.save(folder / "mnist.keras")
lesson.show(folder / "mnist.keras")

# The file is a zip: JSON for what the model is, arrays for what it has learnt.
with zipfile.ZipFile(folder / "mnist.keras") as archive:
    config = json.loads(archive.read("config.json"))
    arrays = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
names = []
arrays.visit(names.append)
weights = sum(arrays[n].size for n in names if "/vars/" in n and "optimizer" not in n)
compiled = [
    config["compile_config"][part]["class_name"] for part in ("loss", "optimizer")
]
lesson.check(f"weights: {weights:,} numbers", weights == model.count_params())
lesson.check(
    f"architecture: {config['class_name']}",
    config["class_name"] == type(model).__name__,
)
lesson.check(
    f"training configuration: {' and '.join(compiled)}",
    compiled == ["SparseCategoricalCrossentropy", "Adam"],
)
lesson.check(
    f"the optimizer's state: {len(arrays['optimizer/vars'])} arrays",
    len(arrays["optimizer/vars"]) == len(model.optimizer.variables),
)

# The new process does not import `models`: the file says what to build. Only a class
# of one's own must be imported before the file is loaded.
lesson.step(2, "Load it in a new Python process, which goes on training")
predictions = model.predict(x_test, batch_size=1000, verbose=0)
np.save(folder / "predictions.npy", predictions)
lesson.run_in_a_new_process(
    f"""
    import data, lesson, keras, numpy{", models" if args.model == "subclassed" else ""}

    (x_train, y_train), (x_test, y_test) = data.load_mnist({args.samples})
    model = keras.models.load_model("mnist.keras")
    predictions = model.predict(x_test, batch_size=1000, verbose=0)
    lesson.check_equal("it predicts the same", predictions, numpy.load("predictions.npy"))
    model.fit(x_train, y_train, shuffle=False, verbose=lesson.VERBOSE)
    model.save("resumed.keras")
    """,
    folder,
)
classifier = models.subclassed()
classifier.set_weights(model.get_weights())
classifier.save(folder / "subclassed.keras")
lesson.note("A subclassed model, without its class and with it:")
lesson.run_in_a_new_process(
    """
    import data, lesson, keras, numpy

    (x_train, y_train), (x_test, y_test) = data.load_mnist(1)
    with lesson.expect_error(TypeError, "Could not locate class 'Classifier'"):
        keras.models.load_model("subclassed.keras")
    import models
    model = keras.models.load_model("subclassed.keras")
    predictions = model.predict(x_test, batch_size=1000, verbose=0)
    lesson.check_equal("it predicts the same", predictions, numpy.load("predictions.npy"))
    """,
    folder,
)

# Three models with equal weights get the same batches: the one that was never
# interrupted, one from the file, and one from the file with a fresh Adam.
lesson.step(3, "Resume with the optimizer's state, and without it")
from_file = keras.models.load_model(folder / "mnist.keras")
fresh_adam = models.compile_classifier(keras.models.load_model(folder / "mnist.keras"))
losses = []
progress = keras.utils.Progbar(-(-args.samples // 32), verbose=lesson.VERBOSE)
for start in range(0, args.samples, 32):
    batch = x_train[start : start + 32], y_train[start : start + 32]
    losses.append([m.train_on_batch(*batch)[0] for m in (model, from_file, fresh_adam)])
    progress.add(1)
losses = np.array(losses)
labels = ["never interrupted", "from the file", "fresh Adam"]
shown = [n for n in (1, 2, 5, 10, 100, 1000, 1875) if n <= len(losses)]
lesson.table(["loss of batch", *labels], *([n, *losses[n - 1]] for n in shown))
lesson.plot_losses(folder / "resume.png", losses, labels)
resumed = keras.models.load_model(folder / "resumed.keras")
means = losses.mean(axis=0)
lesson.note(
    "A fresh Adam has forgotten the running means of the gradients. It still learns, but on "
    f"another path: its mean loss is {means[2]:.4f}, with Adam's state {means[1]:.4f}."
)
wanted, *others = (m.get_weights() for m in (model, from_file, resumed, fresh_adam))
here, there, fresh = (lesson.largest_difference(other, wanted) for other in others)
lesson.check("resumed from the file: not one bit is different", here == 0)
lesson.check("resumed in the new process: not one bit is different", there == 0)
lesson.check(
    f"fresh Adam: weights differ by up to {fresh:.3g}, another training", fresh > 0
)

lesson.step(4, "The architecture alone")
copies = {
    "from_config(get_config())": type(model).from_config(model.get_config()),
    "model_from_json(to_json())": keras.models.model_from_json(model.to_json()),
    "clone_model": keras.models.clone_model(model),
}
for call, copy in copies.items():
    ours, its = ([x.get_config() for x in m.layers if x.weights] for m in (model, copy))
    new = lesson.largest_difference(copy.get_weights(), wanted) > 0
    lesson.check(f"{call}: same layers, new weights", its == ours and new)

# A SavedModel is a graph of TensorFlow operations: no Python class, and no training.
lesson.step(5, "For inference only: a SavedModel")
model.export(folder / "exported", verbose=False)
lesson.show(folder / "exported")
predictions = model.predict(x_test, batch_size=1000, verbose=0)
served = tf.saved_model.load(folder / "exported")
layer = keras.layers.TFSMLayer(folder / "exported", call_endpoint="serve")
wrapped = keras.Sequential([keras.Input(shape=(784,)), layer])
for name, call in [
    ("tf.saved_model.load", served.serve),
    ("TFSMLayer in a model", wrapped),
]:
    difference = np.abs(call(x_test) - predictions).max()
    lesson.check(
        f"{name}: logits differ by at most {difference:.1g}", difference < 1e-4
    )
lesson.note("But it cannot be trained:")
with lesson.expect_error(AttributeError, "no attribute 'fit'"):
    served.fit(x_train, y_train)

# A lambda is saved as Python bytecode, which can do whatever a program can. So Keras
# refuses to load it.
lesson.step(6, "A model file can contain code")
twice = keras.Sequential(
    [keras.Input(shape=(784,)), keras.layers.Lambda(lambda x: 2 * x)]
)
twice.save(folder / "lambda.keras")
with lesson.expect_error(ValueError, "arbitrary code execution"):
    keras.models.load_model(folder / "lambda.keras")
own_file = keras.models.load_model(folder / "lambda.keras", safe_mode=False)
lesson.check_equal("safe_mode=False loads it and runs it", own_file(x_test), 2 * x_test)
lesson.note(
    "This file is our own. Never use safe_mode=False on a file from somebody else."
)
