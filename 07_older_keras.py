"""Lesson 7: a file for an older Keras

An older Keras may refuse a file: "Unrecognized keyword arguments". One command writes
another file for it. Then this lesson does by hand what the command does. Or take the
weights alone: every version of Keras 3 loads those.
"""

import json
import zipfile

import lesson  # first: it starts TensorFlow without its messages
import data
import models

import keras

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "One command")

keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.fit(x_train, y_train, shuffle=False, verbose=2)
model_file = folder / "mnist.keras"
model.save(model_file)

# In a terminal:
# `.venv/bin/python -m modelfile mnist.keras --for 3.12 --convert for-3.12.keras`
#
# It refuses a model that the older Keras cannot compute. It never overwrites a file.
new_file = folder / "for-3.12.keras"
new_file.unlink(missing_ok=True)
old, new = model_file.relative_to(lesson.ROOT), new_file.relative_to(lesson.ROOT)
lesson.run(
    "-m", "modelfile", old, "--for", "3.12", "--convert", new, directory=lesson.ROOT
)
print()

lesson.step(2, "The same by hand: look inside")

# A `.keras` file is a zip archive. One of its parts says which version wrote it.
with zipfile.ZipFile(model_file) as archive:
    parts = {name: archive.read(name) for name in archive.namelist()}
version = json.loads(parts["metadata.json"])["keras_version"]
lesson.check(f"by Keras {version}, the one here", version == keras.__version__)

# Another part has the arguments of each layer. Newer versions write more of them, and
# an older one refuses what it does not know, even if its value changes nothing.
text = parts["config.json"].decode()
count = text.count('"quantization_config": null')
lesson.check(f"quantization_config, which 3.12 does not know: {count}", count == 2)

lesson.step(3, "The same by hand: leave out what is new")


# These are the new arguments of this model, at the values that change nothing.
def without_new_arguments(settings):
    for name in ["quantization_config", "optional", "input_axes", "output_axes"]:
        if not settings.get(name):
            settings.pop(name, None)
    return settings


# `json` calls the function for each part in braces.
config = json.loads(parts["config.json"], object_hook=without_new_arguments)
parts["config.json"] = json.dumps(config)
with zipfile.ZipFile(folder / "by-hand.keras", "w") as archive:
    for name, content in parts.items():
        archive.writestr(name, content)

older_model = keras.models.load_model(folder / "by-hand.keras")
lesson.check_equal("it predicts as before", older_model(x_test), model(x_test))

lesson.step(4, "The weights alone")

# A weights file has arrays, and no arguments of layers. Keras 3.0 to 3.15 load it from
# each other, with Adam's state. (Nadam's has changed.)
model.save_weights(folder / "mnist.weights.h5")
loaded_model = models.build_and_compile()
loaded_model.optimizer.build(loaded_model.trainable_variables)
loaded_model.load_weights(folder / "mnist.weights.h5")

# Keras 2 (the package tf_keras) refuses `.keras` and `.h5` files of Keras 3. It takes
# weights only: without Adam's state, and not those of a subclassed model.

# The three models here continue training alike: 200 batches of 32 images.
model.fit(x_train[:6400], y_train[:6400], shuffle=False, verbose=2)
older_model.fit(x_train[:6400], y_train[:6400], shuffle=False, verbose=2)
loaded_model.fit(x_train[:6400], y_train[:6400], shuffle=False, verbose=2)
lesson.check_same_weights("by hand: not one bit differs", older_model, model)
lesson.check_same_weights("weights alone: not one bit differs", loaded_model, model)

# Seven versions and Keras 2, each with files of all: python -m experiments.versions
