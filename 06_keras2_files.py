"""Lesson 6: files of Keras 2

Whoever followed the video in 2020 has what it saved: a folder of weights from
`save_weights("weights/")`, a folder from `save("model/")`, or an `.h5` file. Today's
Keras refuses all three. They can be brought to life, and go on training.
"""

import json
import shutil

import lesson  # first: it starts TensorFlow without its messages
import data
import models
from modelfile import keras2

import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
weights_folder = data.keras2_file("sequential/weights")
folder = lesson.folder(__file__)

lesson.step(1, "What is in the folder of weights")

# TensorFlow 2.3, the version of 2020, wrote the folder after two epochs of training.
model = models.build_and_compile()
with lesson.expect_error(ValueError, "File format not supported"):
    model.load_weights("weights/")

# The names of its two files begin with a dot: they are hidden. Under other names
# TensorFlow can list the variables, the arrays that are in them.
for end in ["index", "data-00000-of-00001"]:
    shutil.copy(weights_folder / f".{end}", folder / f"old.{end}")
for name, _ in tf.train.list_variables(folder / "old"):
    lesson.note(name)

lesson.step(2, "Give the variables to a model of today")

# In the file of a subclassed model they have its attributes' names: "dense1/kernel".
old = tf.train.load_checkpoint(folder / "old")
END = "/.ATTRIBUTES/VARIABLE_VALUE"
names = ["layer_with_weights-0/kernel", "layer_with_weights-0/bias"]
names += ["layer_with_weights-1/kernel", "layer_with_weights-1/bias"]
for weight, name in zip(model.weights, names, strict=True):
    weight.assign(old.get_tensor(name + END))

# TensorFlow 2.3 itself predicted these logits (scores, ten for each of 100 images).
reference = np.load(data.keras2_file("sequential/reference.npz"))
logits = model.predict(x_test[:100], verbose=0)
lesson.check_close("logits differ from TensorFlow 2.3 by", logits, reference["logits"])

# Adam's state: how many batches it has seen, then for each weight the running means of
# the gradient (m) and of its square (v). Two variables stand before these means.
model.optimizer.build(model.trainable_variables)
model.optimizer.iterations.assign(old.get_tensor("optimizer/iter" + END))
means = model.optimizer.variables[2:]
for name in names:
    means.pop(0).assign(old.get_tensor(f"{name}/.OPTIMIZER_SLOT/optimizer/m{END}"))
    means.pop(0).assign(old.get_tensor(f"{name}/.OPTIMIZER_SLOT/optimizer/v{END}"))

# TensorFlow 2.3 went on with 200 batches of 32 images. So does this model.
model.fit(x_train[:6400], y_train[:6400], shuffle=False, verbose=2)
went_on = [reference["w0"], reference["w1"], reference["w2"], reference["w3"]]
difference = lesson.largest_difference(model.get_weights(), went_on)
result = f"weights differ from TensorFlow 2.3 by at most {difference:.1g}"
lesson.check(result, difference < 1e-5, enough_data=args.samples >= 6400)

lesson.step(3, "The folder of a whole model")

# Its file saved_model.pb says, as JSON text, how the model is built and compiled.
model_folder = data.keras2_file("sequential/model")
content = saved_model_pb2.SavedModel()
content.ParseFromString((model_folder / "saved_model.pb").read_bytes())
root = content.meta_graphs[0].object_graph_def.nodes[0]
for layer in json.loads(root.user_object.metadata)["config"]["layers"]:
    lesson.note(f"{layer['class_name']}: {layer['config']['name']}")

# `keras2.convert` builds and compiles it, and does all of step 2.
converted_model = keras2.convert(model_folder)
logits = converted_model.predict(x_test[:100], verbose=0)
lesson.check_close("logits differ from TensorFlow 2.3 by", logits, reference["logits"])

lesson.step(4, "The .h5 file, and .keras from now on")

# `compile=False` loads it, to predict. To go on training, Adam needs its state, as in
# lesson 3: keras2.convert gives it. Saved as .keras, it is a file of today.
h5_file = data.keras2_file("functional/model.h5")
with lesson.expect_warning("`decay`"), lesson.expect_error(ValueError, "`reduction`"):
    keras.models.load_model(h5_file)
keras2.convert(h5_file).save(folder / "from_2020.keras")
loaded_model = keras.models.load_model(folder / "from_2020.keras")
lesson.check("its Adam has seen two epochs", loaded_model.optimizer.iterations == 3750)

# What the video says of its files, tried in TensorFlow 2.3:
# python -m experiments.video_claims
