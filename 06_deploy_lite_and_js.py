"""Lesson 6: the same model on LiteRT and in TensorFlow.js

The video promises that a saved model can move on to TensorFlow Lite and TensorFlow.js.
TensorFlow Lite is called LiteRT today, and `model.export` writes its files. TensorFlow.js
has a converter that does not start today, but a simple format: `tfjs.py` writes and reads it.
With `--serve` you can draw a digit in your browser, and teach the model there.
"""

import argparse
import shutil
import sys
import time

import lesson
import data
import models
import tfjs

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

parser = argparse.ArgumentParser()
parser.add_argument(
    "--serve",
    type=lesson.number(65535),
    nargs="?",
    const=8000,
    metavar="PORT",
    help="at the end, serve the page on this computer (port: %(const)s)",
)
about = "step 5 loads this .json file, which the page has saved"
parser.add_argument("--taught", metavar="FILE", help=about)
args = lesson.arguments(__doc__, model=True, parser=parser)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)
page = folder / "web"
# A wrong file or port is better found out before the training than after it.
if args.taught:
    try:
        from_browser = tfjs.load(args.taught)
    except ValueError as error:
        sys.exit(str(error))
    if [w.shape for w in from_browser.weights] != [(784, 64), (64,), (64, 10), (10,)]:
        sys.exit(
            f"{args.taught} is another model: not 784 pixels, 64 hidden units, 10 logits."
        )
server = lesson.page_server(page, args.serve) if args.serve else None

lesson.step(1, "Train for two epochs, and export a SavedModel")
keras.utils.set_random_seed(1)
model = models.compile_classifier(models.BUILDS[args.model]())
model.fit(x_train, y_train, epochs=2, shuffle=False, verbose=lesson.VERBOSE)
logits = model.predict(x_test, batch_size=1000, verbose=0)
model.export(folder / "exported", verbose=False)
lesson.show(folder / "exported")


# LiteRT runs one file, without Python and without TensorFlow, on phones and on smaller
# things. It computes with one image at a time here, as a phone would.
def run(path):
    """Return the logits that a LiteRT file computes, and the microseconds an image takes."""
    with lesson.quietly():
        interpreter = Interpreter(str(path))
        interpreter.allocate_tensors()
    (images,), (outputs,) = (
        interpreter.get_input_details(),
        interpreter.get_output_details(),
    )
    results, start = [], time.perf_counter()
    for image in x_test:
        interpreter.set_tensor(images["index"], image[np.newaxis])
        interpreter.invoke()
        results.append(interpreter.get_tensor(outputs["index"])[0])
    return np.array(results), (time.perf_counter() - start) / len(x_test) * 1e6


lesson.step(2, "From the SavedModel to LiteRT")
converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "exported"))
(folder / "converted.tflite").write_bytes(converter.convert())
lesson.note(
    "`model.export` does both in one call, with a SavedModel that it deletes again:"
)
model.export(folder / "mnist.tflite", format="litert", verbose=False)
converted, exported = (
    run(folder / name)[0] for name in ("converted.tflite", "mnist.tflite")
)
lesson.check_equal("both files compute the same", converted, exported)

# Dynamic-range quantization stores large arrays as whole numbers of 8 bits with a scale.
# Biases, small arrays and the computation between the layers stay float32.
lesson.step(3, "All three kinds of model, float32 and quantized")
rows = []
for name, build in models.BUILDS.items():
    classifier = build()
    classifier.set_weights(model.get_weights())
    classifier(
        x_test[:1]
    )  # a subclassed model must have been called before it is exported
    for kind, optimizations in ("float32", []), ("int8", [tf.lite.Optimize.DEFAULT]):
        path = folder / f"{name}_{kind}.tflite"
        classifier.export(
            path, format="litert", optimizations=optimizations, verbose=False
        )
        results, microseconds = run(path)
        difference = float(np.abs(results - logits).max())
        accuracy = float((results.argmax(axis=1) == y_test).mean())
        rows.append(
            [path.name, path.stat().st_size, difference, accuracy, microseconds]
        )
lesson.table(
    [
        "file",
        "bytes",
        "largest difference of a logit",
        "accuracy",
        "us an image (from Python)",
    ],
    *(
        [n, f"{size:,}", f"{d:.1e}", f"{a:.2%}", f"{us:.1f}"]
        for n, size, d, a, us in rows
    ),
)
accuracy = float((logits.argmax(axis=1) == y_test).mean())
full, small = rows[::2], rows[1::2]
lesson.check(
    "float32: no logit differs by 0.0001 or more", max(row[2] for row in full) < 1e-4
)
ratio = small[0][1] / full[0][1]
lesson.check(f"int8: the file has {ratio:.0%} of the size", ratio < 0.3)
lost = max(abs(row[3] - accuracy) for row in small)
lesson.check(f"int8: accuracy changes by {lost:.2%}, from {accuracy:.2%}", lost < 0.005)

# TensorFlow.js wants the architecture in words that it knows. It has no Python, so a
# subclassed model can only go there as the layers that it calls.
lesson.step(4, "TensorFlow.js: model.json and weights.bin")
shutil.copytree(lesson.ROOT / "web", page, dirs_exist_ok=True)
for name, build in models.BUILDS.items():
    classifier = build()
    classifier.set_weights(model.get_weights())
    tfjs.save(classifier, page)
    loaded = tfjs.load(page / "model.json")
    lesson.check_equal(f"{name}: saved and loaded", loaded(x_test), classifier(x_test))
lesson.show(page)
lesson.note("Anything but a stack of Dense layers is refused:")
other = keras.Sequential(
    [keras.Input((784,)), keras.layers.Dropout(0.5, name="dropout")]
)
with lesson.expect_error(ValueError, "Layer 'dropout' is a Dropout"):
    tfjs.save(other, page)

# The files hold architecture and weights, no optimizer. So training goes on with a new
# Adam: in the browser, and here.
lesson.step(5, "Back from the browser: resume training in Keras")
if args.taught:
    resumed = from_browser
    change = lesson.largest_difference(resumed.get_weights(), model.get_weights())
    lesson.note(f"{args.taught}: weights differ from step 1 by up to {change:.3g}")
else:
    resumed = tfjs.load(page / "model.json")
    lesson.note("With --taught FILE: a model that you have taught in the browser.")
models.compile_classifier(resumed)
_, before = resumed.evaluate(x_test, y_test, batch_size=1000, verbose=0)
resumed.fit(x_train, y_train, shuffle=False, verbose=lesson.VERBOSE)
_, after = resumed.evaluate(x_test, y_test, batch_size=1000, verbose=0)
lesson.note(
    f"Accuracy on the test images: {accuracy:.2%} after step 1, {before:.2%} as loaded, "
    f"{after:.2%} after one more epoch. A few steps with one image can cost a model a lot of what "
    "it knew; training with all images brings it back."
)
lesson.check("training went on: accuracy has risen", after > before, judged=args.full)

lesson.step(6, "Draw a digit in your browser")
if server:
    lesson.note(
        f"Open http://127.0.0.1:{args.serve}/ in a browser. Ctrl-C ends the server."
    )
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        lesson.note("The server has ended.")
else:
    lesson.note("To do so, start this lesson again with --serve.")
