"""Lesson 5: weights into another model

"You must load into the model that you saved from", says the video. Between its three
ways to build the same classifier, a `.weights.h5` file is less strict than that. A
checkpoint is stricter: it loads nothing, and says so only if you check.
"""

import lesson  # first: it starts TensorFlow without its messages
import data
import models

import keras
import numpy as np
import tensorflow as tf

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "Train a sequential model, and save its weights")

keras.utils.set_random_seed(1)
sequential_model = models.build_and_compile("sequential")
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

# In memory, weights are a list of arrays in an order, and names do not count.
functional_model.set_weights(subclassed_model.get_weights())
lesson.check_same_weights("set_weights works", functional_model, subclassed_model)

lesson.step(4, "The silence of a checkpoint")

# `tf.train.Checkpoint` writes what the video's `save_weights("weights/")` wrote. Read
# into another kind of model, it finds nothing that it knows, and there is no error.
tf.train.Checkpoint(model=sequential_model).write(folder / "checkpoint")
fresh_model = models.build("functional")
weights_before = fresh_model.get_weights()[0]
status = tf.train.Checkpoint(model=fresh_model).read(folder / "checkpoint")
lesson.check_equal("nothing was loaded", fresh_model.get_weights()[0], weights_before)

# So always check:
with lesson.expect_error(AssertionError, "not bound to checkpointed values"):
    status.assert_existing_objects_matched()

lesson.step(5, "The architecture alone")

# The same layers, new weights; with `from_config` or `model_from_json`, it is the same.
new_model = keras.models.clone_model(sequential_model)
lesson.check_other_weights("clone_model", new_model, sequential_model)

lesson.step(6, "Check before you trust")

# Save the predictions for a few images, and compare after each loading.
np.save(folder / "expected.npy", sequential_model.predict(x_test[:10], verbose=0))
expected = np.load(folder / "expected.npy")

# A thousandth of the largest output. (mixed_float16 has three digits: take 1e-2.)
bound = 1e-3 * np.abs(expected).max()
predictions = functional_model.predict(x_test[:10], verbose=0)
np.testing.assert_allclose(predictions, expected, rtol=0, atol=bound)

# It notices whatever is predicted wrong, also where loading says nothing, as in step 4:
predictions = fresh_model.predict(x_test[:10], verbose=0)
with lesson.expect_error(AssertionError, "Not equal to tolerance"):
    np.testing.assert_allclose(predictions, expected, rtol=0, atol=bound)

# Nine pairs: python -m experiments.pairs. 42 models, 9 ways: python -m experiments.zoo
