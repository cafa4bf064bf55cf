"""Lesson 12, second part: two workers on JAX

On JAX `fit` works with several processes, and a model that is too large for one device
is divided among all. This lesson starts two workers with two devices each: what they do
is in programs/jax_worker.py. OrbaxCheckpoint, as in lesson 8, saves from both.
"""

import shutil
import sys
import time

import lesson  # first: it starts TensorFlow without its messages

import keras

args = lesson.arguments(__doc__)
folder = lesson.folder(__file__)
shutil.rmtree(folder)  # of an earlier run
if not (lesson.is_installed("jax") and lesson.is_installed("orbax")):
    sys.exit()
lesson.note("Of these, 6,400 are used: 50 batches of 128.")

program = lesson.ROOT / "programs" / "jax_worker.py"
samples = str(args.samples)
place = folder / "two workers"
place.mkdir(parents=True)
first_port, second_port = lesson.free_ports()


def start_worker(number, port):
    # Keras looks at these: where worker 0 is, how many there are, which one this is.
    environment = {
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{port}",  # this computer
        "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
        "KERAS_DISTRIBUTION_PROCESS_ID": str(number),
    }
    # The mesh 2x2: two halves of each batch, and two halves of the model's first layer.
    with lesson.quietly():  # JAX and Orbax print a lot
        return lesson.start(program, place, samples, "2x2", output=None, **environment)


lesson.step(1, "Two workers train, and one dies")

# Kill one of them after the first epoch, of three. Its folder is named 0.
chief = start_worker(0, first_port)
other = start_worker(1, first_port)
while chief.poll() is None and not (place / "orbax" / "0").exists():
    time.sleep(0.05)
other.kill()
status = chief.wait(120)  # seconds, at most
lesson.check("the other one failed, too", status != 0)
epochs = sorted(path.name for path in (place / "orbax").glob("[0-9]"))
lesson.note(f"Epochs that are saved, counted from 0: {epochs}")

# What is there now, for step 3.
shutil.copytree(place / "orbax", folder / "four devices" / "orbax")
shutil.copytree(place / "orbax", folder / "one device" / "orbax")

lesson.step(2, "Start both again")

chief = start_worker(0, second_port)
other = start_worker(1, second_port)
statuses = [chief.wait(120), other.wait(120)]
lesson.check(f"both finished: exit status {statuses}", statuses == [0, 0])

# At their end each has saved a `.keras` file, which does not know of JAX or workers.
model = keras.models.load_model(place / "worker-0.keras")
others_model = keras.models.load_model(place / "worker-1.keras")
lesson.check_same_weights("both have equal weights", others_model, model)
steps = int(model.optimizer.iterations)
lesson.check(f"Adam has counted {steps} batches", steps == 150)

lesson.step(3, "Continue from the same epoch on other devices")

# One process each: one with four devices, which divide the layer, and one with one.
with lesson.quietly():
    four = lesson.start(program, folder / "four devices", samples, "1x4", output=None)
    one = lesson.start(program, folder / "one device", samples, "1x1", output=None)
statuses = [four.wait(120), one.wait(120)]
lesson.check(f"both finished: exit status {statuses}", statuses == [0, 0])

# They add the same numbers up in another order, and round differently.
weights = model.get_weights()
four_model = keras.models.load_model(folder / "four devices" / "worker-0.keras")
difference = lesson.largest_difference(four_model.get_weights(), weights)
lesson.check(f"four: weights differ by at most {difference:.1g}", difference < 1e-5)
one_model = keras.models.load_model(folder / "one device" / "worker-0.keras")
difference = lesson.largest_difference(one_model.get_weights(), weights)
lesson.check(f"one: weights differ by at most {difference:.1g}", difference < 1e-5)

lesson.step(4, "What Keras's guide does not say")

# `load_model` loads the folder only with the same processes and devices, so not here.
# How step 3 loads it: `train` in programs/jax_worker.py.
with lesson.quietly(), lesson.expect_error(KeyError, "Failed to load checkpointable"):
    keras.models.load_model(place / "orbax")

# A `.keras` file loads anywhere. Which way for what: docs/cluster.md
