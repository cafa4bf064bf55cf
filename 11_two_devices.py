"""Lesson 11: two devices, and weights in several files

The video trains on one device. `tf.distribute.MirroredStrategy` trains on all GPUs of a
computer at once: each has a copy of the model (a replica), and takes a part of each
batch. Saving and loading need nothing else; where the model is made is what matters.
"""

import lesson  # first: it starts TensorFlow without its messages
import data
import models

import keras
import numpy as np
import tensorflow as tf

args = lesson.arguments(__doc__)
(x_train, y_train), _ = data.load_mnist(args.samples)
# 200 batches of 32 images, each of them full: half a batch for each device. (`resize`
# takes the first 6,400 images, and repeats them if there are fewer.)
x_train = np.resize(x_train, (6400, 784))
y_train = np.resize(y_train, 6400)
folder = lesson.folder(__file__)
lesson.note("Of these, 6,400 are used: 200 batches of 32.")

lesson.step(1, "Find two devices")

gpus = tf.config.list_physical_devices("GPU")
if len(gpus) > 1:
    tf.config.set_visible_devices(gpus, "GPU")  # the other lessons hide them
    devices = tf.config.list_logical_devices("GPU")
else:
    # Without GPUs, two halves of the processor (CPU) stand in for them.
    cpu = tf.config.list_physical_devices("CPU")[0]
    half = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [half, half])
    devices = tf.config.list_logical_devices("CPU")
for device in devices:
    lesson.note(device.name)

lesson.step(2, "Train on both, and save")

# What makes variables (a model, an optimizer) belongs in the scope.
strategy = tf.distribute.MirroredStrategy(devices)
with strategy.scope():
    keras.utils.set_random_seed(1)
    model = models.build()
    # `steps_per_execution`, as in lesson 1, is left out: with more than one step, `fit`
    # is an InvalidArgumentError under this strategy.
    model.compile(
        optimizer=keras.optimizers.Adam(),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
model.fit(x_train, y_train, shuffle=False, verbose=2)
mirrored_file = folder / "mirrored.keras"
model.save(mirrored_file)

lesson.step(3, "Load on one device, and on both, and continue training")

# The file does not know of the strategy. Without a scope it loads for one device.
one_device_model = keras.models.load_model(mirrored_file)
with strategy.scope():
    both_devices_model = keras.models.load_model(mirrored_file)

model.fit(x_train, y_train, shuffle=False, verbose=2)
one_device_model.fit(x_train, y_train, shuffle=False, verbose=2)
both_devices_model.fit(x_train, y_train, shuffle=False, verbose=2)
steps = one_device_model.optimizer.iterations.numpy()
lesson.check(f"Adam continued counting batches: {steps}", steps == 400)

# One device adds the same numbers up in another order, and rounds differently. (With
# BatchNormalization they differ more: each device sees its part of a batch only.)
weights = model.get_weights()
both = lesson.largest_difference(both_devices_model.get_weights(), weights)
one = lesson.largest_difference(one_device_model.get_weights(), weights)
lesson.check(f"on both devices: weights differ by at most {both:.1g}", both < 1e-4)
lesson.check(f"on one device: weights differ by at most {one:.1g}", one < 1e-4)

lesson.step(4, "Weights in several files")

# For weights that are too large for one file: at most 0.0003 GB in each (a shard). They
# are written one after another, so this does not save time.
model.save_weights(folder / "mnist.weights.json", max_shard_size=0.0003)
for path in sorted(folder.glob("mnist*")):
    lesson.note(f"{path.name}: {path.stat().st_size:,} B")

loaded_model = models.build_and_compile()
loaded_model.optimizer.build(loaded_model.trainable_variables)
loaded_model.load_weights(folder / "mnist.weights.json")
lesson.check_same_weights("loaded from all files", loaded_model, model)
steps = loaded_model.optimizer.iterations.numpy()
lesson.check(f"with Adam's state: {steps} batches", steps == 400)

# An array is not divided: the largest one, 784 x 64 numbers, must fit into a file.
with lesson.expect_error(ValueError, "exceeds the maximum shard size"):
    model.save_weights(folder / "small.weights.json", max_shard_size=0.0001)
