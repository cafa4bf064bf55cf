"""Lesson 12: two workers

Two processes train one model together, as on two computers: each has a copy of it, and
takes half of each batch. In Keras 3 `fit` does not work with this strategy of
TensorFlow: programs/worker.py has a loop in its place, and this lesson starts two of
them. (With JAX `fit` works: 12_two_workers_jax.py.)
"""

import json
import shutil
import time

import lesson  # first: it starts TensorFlow without its messages
import models
from programs import worker

import keras

args = lesson.arguments(__doc__)
x_train, y_train = worker.load_images(args.samples)
folder = lesson.folder(__file__)
lesson.note("Of these, 6,400 are used: 200 batches of 32.")
shutil.rmtree(folder)  # of an earlier run
first_port, second_port = lesson.free_ports()
addresses = [f"127.0.0.1:{first_port}", f"127.0.0.1:{second_port}"]  # this computer


def start_worker(number, place):
    place.mkdir(parents=True, exist_ok=True)
    # TF_CONFIG tells a worker where all are, and which one it is. 0 is the chief.
    task = {"type": "worker", "index": number}
    config = json.dumps({"cluster": {"worker": addresses}, "task": task})
    samples = str(args.samples)
    return lesson.start(worker.__file__, place, samples, output=None, TF_CONFIG=config)


lesson.step(1, "Two workers train")

lesson.note(
    "They listen on all network interfaces while they train; see docs/cluster.md."
)
place = folder / "undisturbed"
chief = start_worker(0, place)
other = start_worker(1, place)
statuses = [chief.wait(120), other.wait(120)]  # seconds, at most
lesson.check(f"both finished: exit status {statuses}", statuses == [0, 0])

undisturbed_model = keras.models.load_model(place / "worker-0.keras")
others_model = keras.models.load_model(place / "worker-1.keras")
lesson.check_same_weights("both have equal weights", others_model, undisturbed_model)

lesson.step(2, "Their checkpoint, in a single process")

# The file does not know of the workers. The model is loaded, and trained for another
# epoch.
loaded_model = keras.models.load_model(place / "checkpoint.keras")
loaded_model.fit(x_train, y_train, shuffle=False, verbose=2)

# The same training in this process alone only rounds differently.
keras.utils.set_random_seed(1)
alone_model = models.build_and_compile()
alone_model.fit(x_train, y_train, epochs=4, shuffle=False, verbose=2)
weights = alone_model.get_weights()
difference = lesson.largest_difference(loaded_model.get_weights(), weights)
sentence = f"weights differ by at most {difference:.1g}"
lesson.check(sentence, difference < 0.001, enough_data=args.full)

lesson.step(3, "A worker dies")

# No worker can continue without the others: the one that is left gets an error.
place = folder / "killed"
chief = start_worker(0, place)
other = start_worker(1, place)

# Kill one of them after the first checkpoint.
while chief.poll() is None and not (place / "checkpoint.keras").exists():
    time.sleep(0.05)
other.kill()
killed = time.monotonic()
status = chief.wait(120)
seconds = time.monotonic() - killed
lesson.check(f"the chief failed, too, {seconds:.1f} s later", status != 0)

lesson.step(4, "Start both again")

# They continue from the chief's checkpoint.
checkpoint_model = keras.models.load_model(place / "checkpoint.keras")
batches = checkpoint_model.optimizer.iterations.numpy()
lesson.note(f"The checkpoint is from batch {batches} of 600.")

chief = start_worker(0, place)
other = start_worker(1, place)
statuses = [chief.wait(120), other.wait(120)]
lesson.check(f"both finished: exit status {statuses}", statuses == [0, 0])
finished_model = keras.models.load_model(place / "worker-0.keras")
lesson.check_same_weights(
    "as undisturbed: not one bit differs", finished_model, undisturbed_model
)

# On a cluster: docs/cluster.md
