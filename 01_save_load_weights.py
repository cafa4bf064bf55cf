"""Lesson 1: save and load weights

The video types `model.save_weights("weights/")` and `model.load_weights("weights/")`.
Today the file needs a name that ends in `.weights.h5`. This lesson trains, saves the
weights, loads them into a fresh model and trains on. Then it looks at what the file
keeps of the optimizer, and at which kind of model can load the weights of which other.
"""

import warnings

import lesson
import data
import models

import keras
import numpy as np
import tensorflow as tf

args = lesson.arguments(__doc__, models.BUILDS, data.TRAINING_IMAGES)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)
new_model = models.BUILDS[args.model]

# Without shuffling, every run sees the same batches in the same order, so runs can be
# compared to the last bit. MNIST's images come well mixed.
settings = {"shuffle": False, "verbose": lesson.VERBOSE}

lesson.step(1, "Train for two epochs")
keras.utils.set_random_seed(1)
model = models.compile_classifier(new_model())
history = model.fit(x_train, y_train, epochs=2, **settings)
first_epoch = history.history["accuracy"][0]
loss, accuracy = model.evaluate(x_test, y_test, batch_size=1000, verbose=0)
lesson.note(f"Accuracy on the test images: {accuracy:.1%}")
lesson.check(
    f"the first epoch has a training accuracy of {first_epoch:.1%} (expected: about 91%)",
    0.90 < first_epoch < 0.93,
    judged=args.full,
)

# The file holds arrays, layer by layer, and no word on what a layer computes: whoever
# loads it must build the model first.
lesson.step(2, "Save the weights")
lesson.note('First as the video does it, with "weights/":')
with lesson.expect_error(ValueError, "must end in `.weights.h5`"):
    model.save_weights("weights/")
lesson.note("Then as today's Keras wants it:")
weights_file = folder / "mnist.weights.h5"
model.save_weights(weights_file)
lesson.show(weights_file)

# A fresh model starts from other random numbers: it can only guess.
lesson.step(3, "Load them into a fresh model")
resumed = models.compile_classifier(new_model())
loss, accuracy = resumed.evaluate(x_test, y_test, batch_size=1000, verbose=0)
lesson.check(f"a fresh model only guesses: {accuracy:.1%} right (chance: 10%)", accuracy < 0.25)
with lesson.expect_warning("Skipping variable loading for optimizer"):
    resumed.load_weights(weights_file)
lesson.note("The warning is about the optimizer, see step 5. The weights are there:")
lesson.check_equal(
    "the loaded model predicts exactly what the saved one did", resumed(x_test), model(x_test)
)

# The video's own proof that training goes on: accuracy starts from where it was.
lesson.step(4, "Resume: train the third epoch")
history = resumed.fit(x_train, y_train, initial_epoch=2, epochs=3, **settings)
third_epoch = history.history["accuracy"][0]
lesson.check(
    f"training went on, it did not restart: training accuracy is {third_epoch:.1%} (expected: "
    f"about 97%), and was {first_epoch:.1%} in the first epoch",
    third_epoch > 0.955 and third_epoch > first_epoch + 0.03,
    judged=args.full,
)

# Adam keeps, for each weight, running means of the gradient and of its square. The file
# has them, but an optimizer has nowhere to put them before it is built: build it first.
lesson.step(5, "What the file keeps of Adam")
restored = models.compile_classifier(new_model())
restored.optimizer.build(restored.trainable_variables)
restored.load_weights(weights_file)
lesson.note("No warning. The third epoch again, now with Adam's state:")
restored.fit(x_train, y_train, initial_epoch=2, epochs=3, **settings)
lesson.note("And the third epoch of the first model, which was never interrupted:")
model.fit(x_train, y_train, initial_epoch=2, epochs=3, **settings)
wanted = model.get_weights()
without_state = lesson.largest_difference(resumed.get_weights(), wanted)
with_state = lesson.largest_difference(restored.get_weights(), wanted)
lesson.table(
    ["before load_weights", "largest difference of a weight from the uninterrupted run"],
    ["compile", f"{without_state:.3g}"],
    ["compile, optimizer.build", f"{with_state:.3g}"],
)
lesson.check("by default, Adam's state is lost", without_state > 0)
lesson.check("optimizer built first: not one bit is different", with_state == 0)

# "You must load into the model you saved from", says the video. It wrote a TensorFlow
# checkpoint, as `tf.train.Checkpoint` does today. Try all nine pairs, in both formats.
lesson.step(6, "Which kind of model can load the weights of which other?")
few = x_test[:100]
for name, build in models.BUILDS.items():
    source = build()
    source.set_weights(wanted)
    source.save_weights(folder / f"{name}.weights.h5")
    tf.train.Checkpoint(model=source).write(folder / name / "checkpoint")


def load_weights_file(target, name):
    target.load_weights(folder / f"{name}.weights.h5")


def load_checkpoint(target, name):
    return tf.train.Checkpoint(model=target).read(folder / name / "checkpoint")


def outcome(load, target, name):
    fresh = target(few)
    try:
        load(target, name)
    except ValueError:
        return "ValueError"
    loaded = target(few)
    same, nothing = np.array_equal(loaded, model(few)), np.array_equal(loaded, fresh)
    return "same" if same else "nothing loaded" if nothing else "something else"


def try_all_pairs(load):
    rows = [
        [name, *(outcome(load, build(), name) for build in models.BUILDS.values())]
        for name in models.BUILDS
    ]
    lesson.table(["saved from", *(f"into {name}" for name in models.BUILDS)], *rows)
    return [row[1:] for row in rows]


lesson.note("A `.weights.h5` file:")
with warnings.catch_warnings(action="ignore"):  # shown below
    pairs = try_all_pairs(load_weights_file)
same, error, nothing = "same", "ValueError", "nothing loaded"
lesson.check(
    "only the subclassed model's file is refused, by the two other kinds",
    pairs == [[same, same, same], [same, same, same], [error, error, same]],
)
with (
    lesson.expect_warning("Skipping nested container"),
    lesson.expect_error(ValueError, "could not be loaded"),
):
    load_weights_file(models.functional(), "subclassed")
lesson.note("There, a layer is found under its attribute `hidden`, before `layers` is reached.")

lesson.note("A TensorFlow checkpoint:")
pairs = try_all_pairs(load_checkpoint)
lesson.check(
    "it loads into the kind it came from; into another it loads nothing, silently",
    pairs == [[same, nothing, nothing], [nothing, same, nothing], [nothing, nothing, same]],
)
lesson.note("This call turns the silence into an error:")
status = load_checkpoint(models.functional(), "sequential")
with lesson.expect_error(AssertionError, "not bound to checkpointed values"):
    status.assert_existing_objects_matched()
