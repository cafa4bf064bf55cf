"""Lesson 1: save and load weights

The video calls `model.save_weights("weights/")` and `model.load_weights("weights/")`.
Today the file needs a name that ends in `.weights.h5`. The state of the optimizer is
in that file, too; the optimizer must be built before its state can be loaded.
"""

import lesson  # first: it starts TensorFlow without its messages
import data

import keras
import numpy as np

args = lesson.arguments(__doc__)  # prints the title, and reads --samples
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)  # saved/01_save_load_weights


# The video's model: 784 pixels, 64 units, and ten scores (logits), one for each digit.
def build():
    model = keras.Sequential()
    model.add(keras.Input(shape=(784,)))
    model.add(keras.layers.Dense(64, activation="relu"))
    model.add(keras.layers.Dense(10))
    # `from_logits`: the scores are not probabilities.
    model.compile(
        optimizer=keras.optimizers.Adam(),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        steps_per_execution=125,  # batches in one call: faster, with the same result
    )
    return model


lesson.step(1, "Train for two epochs")

keras.utils.set_random_seed(1)  # the same random numbers in every run
model = build()

# Without shuffling, every run sees the same images in the same order. So two runs can
# be compared.
history = model.fit(x_train, y_train, epochs=2, shuffle=False, verbose=2)
first = history.history["accuracy"][0]
lesson.check(f"accuracy in epoch 1: {first:.1%}", first > 0.90, enough_data=args.full)

lesson.step(2, "Save the weights")

# As the video does it:
with lesson.expect_error(ValueError, "must end in `.weights.h5`"):
    model.save_weights("weights/")

# As today's Keras wants it. The file holds arrays, layer by layer, and nothing about
# what a layer computes: build the model first, then load.
weights_file = folder / "mnist.weights.h5"
model.save_weights(weights_file)
lesson.show(weights_file)

lesson.step(3, "Load them into a fresh model")

# A fresh model starts from random numbers: it can only guess, one of ten digits.
loaded_model = build()
digits = np.argmax(loaded_model(x_test), axis=1)  # those with the highest score
right = np.mean(digits == y_test)
lesson.check(f"a fresh model guesses: {right:.1%} right", right < 0.25)

# Keras warns, because of the optimizer: see step 4. The weights are loaded.
with lesson.expect_warning("Skipping variable loading for optimizer"):
    loaded_model.load_weights(weights_file)
lesson.check_equal("it predicts as before", loaded_model(x_test), model(x_test))

lesson.step(4, "Load Adam's state, too")

# Adam is the optimizer. It keeps, for each weight, running means of the gradient and of
# its square: its state. The file has them, but an optimizer has nowhere to put them
# before it is built. (With a step counter and the learning rate they are the ten `vars`
# under `optimizer` in step 2.)
loaded_model.optimizer.build(loaded_model.trainable_variables)
loaded_model.load_weights(weights_file)  # no warning any more

# Its step counter is back, too: one step for each batch of the two epochs.
loaded_steps = int(loaded_model.optimizer.iterations)
steps = int(model.optimizer.iterations)
lesson.check(f"Adam has counted {loaded_steps:,} batches", loaded_steps == steps)

lesson.step(5, "Continue training")

# The video's own proof: accuracy continues from where it was. Two epochs are done, so
# the next one is number 3.
history = loaded_model.fit(
    x_train, y_train, initial_epoch=2, epochs=3, shuffle=False, verbose=2
)
third = history.history["accuracy"][0]
lesson.check(f"accuracy in epoch 3: {third:.1%}", third > 0.955, enough_data=args.full)

lesson.note("The first model, which was never interrupted:")
model.fit(x_train, y_train, initial_epoch=2, epochs=3, shuffle=False, verbose=2)
lesson.check_same_weights("their weights: not one bit differs", loaded_model, model)

# Without Adam's state it would be another training: lesson 2. Which kind of model can
# load the weights of which other: lesson 5. All nine pairs: python -m experiments.pairs
