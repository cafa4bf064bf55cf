"""Lesson 5: weights into another model

"You must load into the model that you saved from", says the video. Between its three
ways to build the same classifier, a `.weights.h5` file is less strict than that. A
checkpoint is not: it loads nothing, and does not say so unless it is asked.
"""

try:
    import lesson  # first: it starts TensorFlow without its messages
except ModuleNotFoundError:
    raise SystemExit("lesson.py is missing: copy the whole folder of the lessons.")
import data
import models

import keras
import tensorflow as tf

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "Train a sequential model, and save its weights")

keras.utils.set_random_seed(1)
sequential_model = models.compiled("sequential")
sequential_model.fit(x_train, y_train, shuffle=False, verbose=2)
sequential_model.save_weights(folder / "sequential.weights.h5")

lesson.step(2, "A pair that works: into a functional model")

# The file has the layers in their order, and both models have the same layers.
functional_model = models.build("functional")
functional_model.load_weights(folder / "sequential.weights.h5")
lesson.check_same_weights("the weights are there", functional_model, sequential_model)

lesson.step(3, "A pair that does not: from a subclassed model")

# In its file the first layer stands under the name of its attribute, `hidden`, and not
# under `layers`, where the other models look.
subclassed_model = models.build("subclassed")
subclassed_model.set_weights(sequential_model.get_weights())
subclassed_model.save_weights(folder / "subclassed.weights.h5")
lesson.show(folder / "subclassed.weights.h5")
with (
    lesson.expect_warning("Skipping nested container"),
    lesson.expect_error(ValueError, "could not be loaded"),
):
    functional_model.load_weights(folder / "subclassed.weights.h5")

# In memory, weights are a list of arrays, and names do not count. It needs the same
# arrays in the same order.
functional_model.set_weights(subclassed_model.get_weights())
lesson.check_same_weights("set_weights works", functional_model, subclassed_model)

lesson.step(4, "The silence of a checkpoint")

# `tf.train.Checkpoint` writes what the video's `save_weights("weights/")` wrote. Read
# into another kind of model, it finds nothing that it knows, and there is no error.
checkpoint = tf.train.Checkpoint(model=sequential_model)
checkpoint.write(folder / "checkpoint")
fresh_model = models.build("functional")
weights_before = fresh_model.get_weights()
status = tf.train.Checkpoint(model=fresh_model).read(folder / "checkpoint")
changed = lesson.largest_difference(fresh_model.get_weights(), weights_before)
lesson.check(f"the largest change of a weight: {changed}", changed == 0)

# So ask, always:
with lesson.expect_error(AssertionError, "not bound to checkpointed values"):
    status.assert_existing_objects_matched()

lesson.step(5, "The architecture alone")

# A new model with the same layers and new weights: to train it again from the start,
# or several times, or to load weights into it.
new_model = keras.models.clone_model(sequential_model)
lesson.check_other_weights("clone_model", new_model, sequential_model)

# The same as a dictionary, which a program can store or change:
new_model = keras.Sequential.from_config(sequential_model.get_config())
lesson.check_other_weights("from_config", new_model, sequential_model)

# And as text, for a file:
new_model = keras.models.model_from_json(sequential_model.to_json())
lesson.check_other_weights("model_from_json", new_model, sequential_model)

# With the weights, it is the model again.
new_model.load_weights(folder / "sequential.weights.h5")
lesson.check_same_weights("with its weights", new_model, sequential_model)

# All nine pairs, in both formats: python -m experiments.pairs
