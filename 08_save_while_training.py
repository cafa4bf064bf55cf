"""Lesson 8: save while training

The video saves once, after the training. A long training saves while it runs, with a
callback that `fit` calls after each epoch. TensorFlow's old tutorial calls
`ModelCheckpoint("cp.ckpt", save_weights_only=True)`; today the name needs an ending.
"""

import shutil

import lesson  # first: it starts TensorFlow without its messages
import data
import models

import keras

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "A file for each epoch, and one for the best")

# A name that ends in `.keras` saves the whole model, as in lesson 2. With `{epoch}` in
# the name each epoch gets a file of its own. "Best" means: the smallest `val_loss`.
every_epoch = keras.callbacks.ModelCheckpoint(folder / "epoch-{epoch}.keras")
best = keras.callbacks.ModelCheckpoint(folder / "best.keras", save_best_only=True)

# Few images, large steps: `loss` falls, `val_loss` (of unseen images) rises again.
x_few, y_few = x_train[:2000], y_train[:2000]
unseen = (x_test, y_test)
keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.optimizer.learning_rate = 0.01
settings = {"validation_data": unseen, "verbose": 2}
history = model.fit(x_few, y_few, epochs=8, callbacks=[every_epoch, best], **settings)
last_model = keras.models.load_model(folder / "epoch-8.keras")
lesson.check_equal("epoch-8.keras is the model now", last_model(x_test), model(x_test))

best_model = keras.models.load_model(folder / "best.keras")
loss, accuracy = best_model.evaluate(x_test, y_test, verbose=0)
smallest = min(history.history["val_loss"])
lesson.check(f"best.keras has val_loss {loss:.4f}", abs(loss - smallest) < 0.001)

# As old tutorials do it:
with lesson.expect_error(ValueError, "must end in `.weights.h5`"):
    keras.callbacks.ModelCheckpoint("cp.ckpt", save_weights_only=True)

lesson.step(2, "Stop when it gets no better")

# EarlyStopping can give the model its best weights back. Its optimizer stays as after
# the last epoch: to continue training, load best.keras.
stop = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.optimizer.learning_rate = 0.01
model.fit(x_few, y_few, epochs=8, callbacks=[stop], **settings)
lesson.check_same_weights("it has the weights of best.keras", model, best_model)
steps = int(model.optimizer.iterations)
best_steps = int(best_model.optimizer.iterations)
lesson.check(f"but {steps} steps of Adam, not {best_steps}", steps != best_steps)

lesson.step(3, "A training is stopped")


# An error in the third epoch stands for whatever can stop a training.
class StopInThirdEpoch(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 2:  # Keras counts from 0
            raise RuntimeError("stopped in the middle of the third epoch")


# BackupAndRestore saves weights, Adam's state, and how many epochs are done. Without
# shuffling, two trainings see the images in the same order and can be compared.
shutil.rmtree(folder / "backup", ignore_errors=True)  # of an earlier run
keras.utils.set_random_seed(2)
model = models.build_and_compile()
backup = keras.callbacks.BackupAndRestore(folder / "backup")
savers = [backup, StopInThirdEpoch()]
with lesson.expect_error(RuntimeError, "in the middle of the third epoch"):
    model.fit(x_train, y_train, epochs=4, shuffle=False, callbacks=savers, verbose=2)

lesson.step(4, "Start the program again")

# It does as before: `fit` finds what was saved, continues, and at the end deletes it.
backup = keras.callbacks.BackupAndRestore(folder / "backup")
restored_model = models.build_and_compile()
settings = {"epochs": 4, "shuffle": False, "verbose": 2}
history = restored_model.fit(x_train, y_train, callbacks=[backup], **settings)
lesson.check("it begins with the third epoch again", history.epoch == [2, 3])

# The same training, never stopped, ends with the same weights:
keras.utils.set_random_seed(2)
model = models.build_and_compile()
model.fit(x_train, y_train, **settings)
lesson.check_same_weights("restored: not one bit differs", restored_model, model)

# With shuffling, or with Dropout, it takes more: lesson 9. How often these callbacks
# lose the training if it is killed while they save: python -m experiments.kills
