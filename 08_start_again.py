"""Lesson 8, second part: start again

A long training is started more than once. Callbacks remember nothing of the last run:
ModelCheckpoint overwrites the best file, and CSVLogger empties its table.
"""

import shutil

import lesson  # first: it starts TensorFlow without its messages
import data
import models

import keras

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)
best_file = folder / "best.keras"

lesson.step(1, "The first start")

# Few images, large steps: `val_loss` (of unseen images) falls, and rises again.
x_few, y_few = x_train[:2000], y_train[:2000]
unseen = (x_test, y_test)
keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.optimizer.learning_rate = 0.01
best = keras.callbacks.ModelCheckpoint(best_file, save_best_only=True)
model.fit(x_few, y_few, epochs=5, validation_data=unseen, callbacks=[best], verbose=2)

first_loss = best.best  # the smallest `val_loss` so far
shutil.copy(best_file, folder / "copy.keras")  # for step 3

lesson.step(2, "Mistake: the second start overwrites the best file")

# To a new callback the first epoch is the best so far, however bad it is.
model = keras.models.load_model(best_file)
best = keras.callbacks.ModelCheckpoint(best_file, save_best_only=True)
model.fit(x_few, y_few, validation_data=unseen, callbacks=[best], verbose=2)
second_loss = best.best
sentence = f"silently, val_loss {first_loss:.4f} became {second_loss:.4f}"
lesson.check(sentence, second_loss > first_loss, enough_data=args.full)

lesson.step(3, "Tell the callback how good the file is")

shutil.copy(folder / "copy.keras", best_file)
model = keras.models.load_model(best_file)
file_loss, _ = model.evaluate(x_test, y_test, verbose=0)
best = keras.callbacks.ModelCheckpoint(
    best_file, save_best_only=True, initial_value_threshold=file_loss
)

model.fit(x_few, y_few, validation_data=unseen, callbacks=[best], verbose=2)
best_model = keras.models.load_model(best_file)
kept_loss, _ = best_model.evaluate(x_test, y_test, verbose=0)
sentence = f"best.keras still has val_loss {kept_loss:.4f}"
lesson.check(sentence, kept_loss == file_loss, enough_data=args.full)

lesson.step(4, "A table of all epochs")

# CSVLogger empties its file when a training begins, unless `append=True`.
# `initial_epoch` continues the numbers of the epochs.
log_file = folder / "log.csv"
log = keras.callbacks.CSVLogger(log_file)
model.fit(x_few, y_few, epochs=2, callbacks=[log], verbose=0)
log = keras.callbacks.CSVLogger(log_file, append=True)
model.fit(x_few, y_few, initial_epoch=2, epochs=3, callbacks=[log], verbose=0)
epochs = [line.split(",")[0] for line in log_file.read_text().splitlines()]
lesson.check(f"its first column: {epochs}", epochs == ["epoch", "0", "1", "2"])

lesson.step(5, "BackupAndRestore, and a model without an input shape")

# Such a model has no weights before its first batch.
backup = keras.callbacks.BackupAndRestore(folder / "backup")
late_model = keras.Sequential([keras.layers.Dense(10)])
late_model.compile(optimizer="adam", loss=model.loss)

with lesson.expect_error(ValueError, "must be built before you call `fit()`"):
    late_model.fit(x_few, y_few, callbacks=[backup])
late_model.build((None, 784))  # or begin it with keras.Input((784,))
late_model.fit(x_few, y_few, callbacks=[backup], verbose=2)

lesson.step(6, "Save every 20 batches, and keep three files")


# An epoch can take hours. The optimizer counts batches, and the file has its count.
# (With `steps_per_execution=125` Keras would call this after each 125 batches only.)
class EveryTwentyBatches(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        step = int(self.model.optimizer.iterations)
        if step % 20 == 0:
            self.model.save(folder / f"step-{step:06}.keras")
            for file in sorted(folder.glob("step-*.keras"))[:-3]:
                file.unlink()


late_model.fit(x_few, y_few, epochs=2, callbacks=[EveryTwentyBatches()], verbose=2)
names = [file.name for file in sorted(folder.glob("step-*.keras"))]
newest = names[-1:] == ["step-000180.keras"]
lesson.check(f"three files: {', '.join(names)}", newest, enough_data=args.full)
