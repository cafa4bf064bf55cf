"""Lesson 7: a file for an older Keras

An older Keras may refuse a file: "Unrecognized keyword arguments". A command writes
one for it: `.venv/bin/python -m modelfile new.keras --for 3.12 --convert old.keras`.
Here is what it does, by hand; and the weights alone, which every version reads.
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

lesson.step(1, "Which version wrote this file?")

keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.fit(x_train, y_train, shuffle=False, verbose=2)
model.save(folder / "mnist.keras")

# A `.keras` file is a zip archive, and one of its parts says who wrote it and when.
with zipfile.ZipFile(folder / "mnist.keras") as archive:
    metadata = json.loads(archive.read("metadata.json"))
lesson.note(f"Saved at {metadata['date_saved']}")
version = metadata["keras_version"]
lesson.check(f"by Keras {version}, the one here", version == keras.__version__)

lesson.step(2, "The file that every version reads")

# It holds arrays and no word on layers: nothing that another version could not know.
# Keras 3.0 to 3.15 load it from each other, with Adam's state. (Nadam's has changed.)
model.save_weights(folder / "mnist.weights.h5")
loaded_model = models.build_and_compile()
loaded_model.optimizer.build(loaded_model.trainable_variables)
loaded_model.load_weights(folder / "mnist.weights.h5")
lesson.check_equal("it predicts as before", loaded_model(x_test), model(x_test))

# Keras 2 (the package tf_keras) refuses `.keras` and `.h5` files of Keras 3. It takes
# weights only: without Adam's state, and not those of a subclassed model.

lesson.step(3, "A .keras file for older versions")


# Its part `config.json` has the arguments of each layer. Newer versions have more, and
# an older one refuses what it does not know, even if its value changes nothing.
def without_news(part):
    """Take out of a part of config.json what Keras 3.11 to 3.15 have brought."""
    config = part.get("config")
    if not isinstance(config, dict) or "keras." not in str(part.get("module")):
        return part  # not a layer and the like, or a class of your own
    news = {"quantization_config": None, "optional": False}  # since 3.13
    news.update({"renorm": False, "renorm_clipping": None, "renorm_momentum": 0.99})
    news.update({"input_axes": None, "output_axes": None})  # since 3.15
    for name, default in news.items():
        value = config.pop(name, default)
        if value != default:
            raise ValueError(f"An older Keras does not know {name}={value}.")
    # A functional model's only input or output: up to 3.10 it stood in a list.
    for name in ["input_layers", "output_layers"]:
        ends = config.get(name)
        if isinstance(ends, list) and isinstance(ends[0], str):
            config[name] = [ends]
    return part


def write_for_older_keras(file, new_file):
    """Write a copy of a .keras file that older versions of Keras 3 can load."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    # `json` calls the function for all that stands in braces, from the inside out.
    config = json.loads(parts["config.json"], object_hook=without_news)
    parts["config.json"] = json.dumps(config)
    with zipfile.ZipFile(new_file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


write_for_older_keras(folder / "mnist.keras", folder / "for-older.keras")
older_model = keras.models.load_model(folder / "for-older.keras")
lesson.check_equal("it predicts as before", older_model(x_test), model(x_test))

# And it goes on training: 200 batches of 32 images.
model.fit(x_train[:6400], y_train[:6400], shuffle=False, verbose=2)
older_model.fit(x_train[:6400], y_train[:6400], shuffle=False, verbose=2)
lesson.check_same_weights("not one bit is different", older_model, model)

# `renorm=True` came with Keras 3.14: that model cannot go back, and no file is written.
renorm = keras.layers.BatchNormalization(renorm=True)
keras.Sequential([keras.Input((784,)), renorm]).save(folder / "renorm.keras")
with lesson.expect_error(ValueError, "does not know renorm=True"):
    write_for_older_keras(folder / "renorm.keras", folder / "not-written.keras")

# Seven versions and Keras 2, each with files of all: python -m experiments.versions
