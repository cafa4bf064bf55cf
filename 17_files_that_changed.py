"""Lesson 17, second part: files that changed

A file that was copied, sent or stored can be damaged, or not be the one you expect.
Some formats notice it and some do not. A checksum beside the file works for all.
"""

import hashlib
import zipfile

import lesson  # first: it starts TensorFlow without its messages
import data
import models

import keras
import numpy as np

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "A damaged .keras file")

keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.fit(x_train, y_train, shuffle=False, verbose=2)
model.save(folder / "mnist.keras")
model.save_weights(folder / "mnist.weights.h5")

# Change one byte, near the middle.
content = bytearray((folder / "mnist.keras").read_bytes())
position = len(content) // 2
content[position] = 255 - content[position]
(folder / "damaged.keras").write_bytes(content)

# A `.keras` file is a zip archive, with a checksum for each of its parts. `testzip`
# computes them again, and names a part that is damaged. Check the file before you load
# it: since Python 3.12, `load_model` notices only some of the damage.
with zipfile.ZipFile(folder / "damaged.keras") as archive:
    damaged_part = archive.testzip()
lesson.check(f"the damaged file: {damaged_part}", damaged_part == "model.weights.h5")
with zipfile.ZipFile(folder / "mnist.keras") as archive:
    damaged_part = archive.testzip()
lesson.check(f"the good file: {damaged_part}", damaged_part is None)

lesson.step(2, "A damaged .weights.h5 file")

# A float32 weight takes four bytes; the last one holds its sign and most of its
# exponent. Byte 100,003 is the last byte of a weight of a pixel near the centre.
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
sentence = f"the damaged one: {damaged_right:,}"
lesson.check(sentence, damaged_right < right, enough_data=args.full)

lesson.step(3, "A checksum beside the file")

# So write a checksum when you save: any change gives a different one.
checksum = hashlib.sha256((folder / "mnist.weights.h5").read_bytes()).hexdigest()
(folder / "mnist.weights.h5.sha256").write_text(checksum)
lesson.note(f"SHA-256: {checksum}")

# And compare before you load.
found = hashlib.sha256((folder / "damaged.weights.h5").read_bytes()).hexdigest()
lesson.check("the damaged file has a different one", found != checksum)
found = hashlib.sha256((folder / "mnist.weights.h5").read_bytes()).hexdigest()
lesson.check("the good file has this one", found == checksum)

# A checksum that comes with the file notices damage. Against somebody who changes the
# file on purpose, it has to come another way, such as the page of its author.

# 40 damaged copies in each format: python -m experiments.damage
