"""Lesson 15: TensorFlow.js, the same model in a browser, and back

The video promises that a saved model can move on to TensorFlow.js. Its converter does
not start beside today's TensorFlow, but its format is simple: `modelfile.tfjs` writes
and reads it. With `--serve` you can draw a digit, and teach the model in a browser.
"""

import argparse
import shutil
import sys

import lesson  # first: it starts TensorFlow without its messages
import data
import models
from modelfile import tfjs
from programs import serve

import keras

# What this lesson takes besides --model and --samples.
parser = argparse.ArgumentParser()
port_number = lesson.number(65535)  # the largest one
about = "at the end, serve the page on this computer (port: %(const)s)"
parser.add_argument(
    "--serve", type=port_number, nargs="?", const=8000, metavar="PORT", help=about
)
about = "step 4 goes on with this .json file, which the page has saved"
parser.add_argument("--taught", metavar="FILE", help=about)

args = lesson.arguments(__doc__, model=True, parser=parser)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
page = lesson.folder(__file__) / "web"

# A port or a file that cannot be used is better found out now than after the training.
if args.serve:
    server = serve.page_server(page, args.serve)
if args.taught:
    try:
        taught_model = tfjs.load(args.taught)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    shapes = [weight.shape for weight in taught_model.weights]
    if shapes != [(784, 64), (64,), (64, 10), (10,)]:
        sys.exit(f"{args.taught} is another model than that of this lesson.")

lesson.step(1, "Train for two epochs")

keras.utils.set_random_seed(1)
model = models.build_and_compile(args.model)
model.fit(x_train, y_train, epochs=2, shuffle=False, verbose=2)

lesson.step(2, "Save it for TensorFlow.js")

# In two files: model.json says what the layers are, in the words of TensorFlow.js, and
# weights.bin has the numbers. They go beside the page that will load them.
shutil.copytree(lesson.ROOT / "web", page, dirs_exist_ok=True)
tfjs.save(model, page)
lesson.show(page)

# The browser does not know your classes. So a model is written as a stack of Dense
# layers, and one that is not such a stack is refused:
dropout_layer = keras.layers.Dropout(0.5, name="dropout")
dropout_model = keras.Sequential([keras.Input(shape=(784,)), dropout_layer])
with lesson.expect_error(ValueError, "Layer 'dropout' is a Dropout"):
    tfjs.save(dropout_model, page)

lesson.step(3, "Load it in Keras again")

loaded_model = tfjs.load(page / "model.json")
lesson.check_equal("it predicts the same", loaded_model(x_test), model(x_test))

lesson.step(4, "Go on training with it")

# The page can teach the model with a drawing, and save it. A few steps with one image
# can cost a model a lot of what it knew. Training with all images brings it back.
if args.taught:
    loaded_model = taught_model
    lesson.note(f"Taught in the browser: {args.taught}")
else:
    lesson.note("With --taught FILE: go on with a model that the page has saved.")

# The files hold no optimizer. So training goes on with a new Adam, here as in the page.
models.compile(loaded_model)
_, before = loaded_model.evaluate(x_test, y_test, verbose=0)
loaded_model.fit(x_train, y_train, shuffle=False, verbose=2)
_, after = loaded_model.evaluate(x_test, y_test, verbose=0)
lesson.note(f"Accuracy on the test images: {before:.2%} before, {after:.2%} after.")
lesson.check("it has risen: training went on", after > before, enough_data=args.full)

lesson.step(5, "Draw a digit in your browser")

if args.serve:
    lesson.note(f"Open http://127.0.0.1:{args.serve}/ in a browser.")
    lesson.note("Ctrl-C ends the server.")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        lesson.note("The server has ended.")
else:
    lesson.note("To do so, start this lesson again with --serve.")
