"""Lesson 9: resume exactly

Three things that a training depends on are not in a `.keras` file: random numbers of
layers such as Dropout, the order of the data, and what callbacks remember.
"""

import lesson  # first: it starts TensorFlow without its messages
import data

import keras
import numpy as np

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "A training of four epochs, saved after two")

keras.utils.set_random_seed(1)
dropout = keras.layers.Dropout(0.5)
model = keras.Sequential([keras.Input((784,)), dropout, keras.layers.Dense(10)])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])

# This callback makes the learning rate smaller when the loss has not fallen by 1 in two
# epochs. So it remembers the best loss, and how many epochs it has waited.
plateau = keras.callbacks.ReduceLROnPlateau(monitor="loss", patience=2, min_delta=1)


# `fit` shuffles, each process in another order. (After `set_random_seed`, it takes the
# *same* order in every epoch.) Here the order depends on the number of the epoch alone.
class ShuffledBatches(keras.utils.PyDataset):
    def __init__(self, first_epoch):
        super().__init__()
        self.epoch = first_epoch - 1  # `on_epoch_begin` adds 1
        self.order = np.arange(len(x_train))

    def on_epoch_begin(self):
        self.epoch = self.epoch + 1
        self.order = np.random.default_rng(self.epoch).permutation(len(x_train))

    def __len__(self):
        return int(np.ceil(len(x_train) / 128))

    def __getitem__(self, batch):
        chosen = self.order[128 * batch : 128 * batch + 128]
        return x_train[chosen], y_train[chosen]


class SaveAfterTwoEpochs(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:  # Keras counts from 0
            self.model.save(folder / "model.keras")
            np.save(folder / "dropout.npy", dropout.seed_generator.state)
            np.save(folder / "plateau.npy", [plateau.best, plateau.wait])


callbacks = [plateau, SaveAfterTwoEpochs()]
batches = ShuffledBatches(first_epoch=0)
history = model.fit(batches, epochs=4, shuffle=False, callbacks=callbacks, verbose=2)

lesson.step(2, "Epochs 3 and 4 again, from the .keras file alone")

last_two = {"initial_epoch": 2, "epochs": 4, "verbose": 2}
resumed_model = keras.models.load_model(folder / "model.keras")
resumed_model.fit(x_train, y_train, batch_size=128, callbacks=[plateau], **last_two)
lesson.check_other_weights("with other random numbers", resumed_model, model)

lesson.step(3, "With Dropout's state")

resumed_model = keras.models.load_model(folder / "model.keras")
resumed_model.layers[0].seed_generator.state.assign(np.load(folder / "dropout.npy"))
resumed_model.fit(x_train, y_train, batch_size=128, callbacks=[plateau], **last_two)
lesson.check_other_weights("in another order of the data", resumed_model, model)

lesson.step(4, "And with the order of the data")

resumed_model = keras.models.load_model(folder / "model.keras")
resumed_model.layers[0].seed_generator.state.assign(np.load(folder / "dropout.npy"))
batches = ShuffledBatches(first_epoch=2)
again = resumed_model.fit(batches, shuffle=False, callbacks=[plateau], **last_two)
lesson.check("epoch 3 is equal", again.history["loss"][0] == history.history["loss"][2])
lesson.check_other_weights("epoch 4: another learning rate", resumed_model, model)

lesson.step(5, "And with what the callback remembers")


# `fit` resets callbacks when it begins, so restore their state after that.
class GiveBack(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        plateau.best, plateau.wait = np.load(folder / "plateau.npy")


resumed_model = keras.models.load_model(folder / "model.keras")
resumed_model.layers[0].seed_generator.state.assign(np.load(folder / "dropout.npy"))
batches = ShuffledBatches(first_epoch=2)
resumed_model.fit(batches, shuffle=False, callbacks=[plateau, GiveBack()], **last_two)
lesson.check_same_weights("not one bit differs", resumed_model, model)

# resumable.py does all of this for your training: see programs/own_training.py.
