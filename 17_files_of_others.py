"""Lesson 17: files of others

The video loads files that it has written itself. A file from somebody else can contain
a program, and a file that was copied or sent can be damaged. Look before you load.
"""

import hashlib
import zipfile

try:
    import lesson  # first: it starts TensorFlow without its messages
except ModuleNotFoundError:
    raise SystemExit("lesson.py is missing: copy the whole folder of the lessons.")
import data
import models

import keras
import numpy as np

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "A model file can contain a program")

# A Lambda layer computes what a piece of Python says. That piece is in the file, and it
# could delete your files as well. So Keras refuses to load it.
inputs = keras.Input(shape=(784,))
outputs = keras.layers.Lambda(lambda x: 2 * x)(inputs)
lambda_model = keras.Model(inputs, outputs)
lambda_model.save(folder / "lambda.keras")
with lesson.expect_error(ValueError, "arbitrary code execution"):
    keras.models.load_model(folder / "lambda.keras")

# `safe_mode=False` loads it and runs it. Only for files that you have written yourself!
own_model = keras.models.load_model(folder / "lambda.keras", safe_mode=False)
lesson.check_equal("our own file: it doubles", own_model(x_test[:1]), 2 * x_test[:1])

lesson.step(2, "A damaged .keras file")

keras.utils.set_random_seed(1)
trained_model = models.compiled()
trained_model.fit(x_train, y_train, shuffle=False, verbose=2)
model = models.build()
model.set_weights(trained_model.get_weights())
model.save(folder / "mnist.keras")
model.save_weights(folder / "mnist.weights.h5")

# Change one byte, near the middle.
content = bytearray((folder / "mnist.keras").read_bytes())
position = len(content) // 2
content[position] = 255 - content[position]
(folder / "damaged.keras").write_bytes(content)

# A `.keras` file is a zip archive, with a checksum for each of its parts. `testzip`
# computes them again, and names a part that is damaged. Ask it before you load: since
# Python 3.12, `load_model` notices only some of the damage.
with zipfile.ZipFile(folder / "damaged.keras") as archive:
    damaged_part = archive.testzip()
lesson.check(f"the damaged file: {damaged_part}", damaged_part == "model.weights.h5")
with zipfile.ZipFile(folder / "mnist.keras") as archive:
    damaged_part = archive.testzip()
lesson.check(f"the good file: {damaged_part}", damaged_part is None)

lesson.step(3, "A damaged .weights.h5 file")

# Each weight is four bytes, and the last of the four says how large it is. Byte 100,003
# is such a one, of a weight of a pixel in the middle of the image.
content = bytearray((folder / "mnist.weights.h5").read_bytes())
content[100_003] = 255 - content[100_003]
(folder / "damaged.weights.h5").write_bytes(content)

# This file has no checksums. It loads without an error, and predicts wrong digits.
damaged_model = models.build()
damaged_model.load_weights(folder / "damaged.weights.h5")
digits = model.predict(x_test, verbose=0).argmax(axis=1)
right = np.sum(digits == y_test)
lesson.note(f"Of 10,000 test images, the saved model gets {right:,} right.")
digits = damaged_model.predict(x_test, verbose=0).argmax(axis=1)
damaged_right = np.sum(digits == y_test)
lesson.check(f"the damaged one: {damaged_right:,}", damaged_right < right, args.full)

lesson.step(4, "A checksum beside the file")

# So write a checksum when you save: any other content has another one.
checksum = hashlib.sha256((folder / "mnist.weights.h5").read_bytes()).hexdigest()
(folder / "mnist.weights.h5.sha256").write_text(checksum)
lesson.note(f"SHA-256: {checksum}")

# And compare before you load.
found = hashlib.sha256((folder / "damaged.weights.h5").read_bytes()).hexdigest()
lesson.check("the damaged file has another one", found != checksum)
found = hashlib.sha256((folder / "mnist.weights.h5").read_bytes()).hexdigest()
lesson.check("the good file has this one", found == checksum)

# 40 damaged copies in each format: python -m experiments.damage
