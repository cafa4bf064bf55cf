"""Lesson 5: more than one device, more than one machine

The video trains on one device. A strategy of `tf.distribute` trains on several at once:
first two devices of one process, then two processes (worker.py), as on two machines. The
questions are the same: who writes the file, who can load it, does training go on from it?
"""

import argparse
import json
import shutil
import time

import lesson
import data
import models
from worker import BATCH, STEPS

import keras
import numpy as np
import tensorflow as tf

parser = argparse.ArgumentParser()
about = "the workers use this port and the next one"
parser.add_argument("--port", type=lesson.number(65534), help=about)
args = lesson.arguments(__doc__, model=True, parser=parser)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
ports = lesson.free_ports(args.port)
folder = lesson.folder(__file__)
some = np.arange(200 * BATCH) % args.samples  # 200 batches, each of them full
x_train, y_train = x_train[some], y_train[some]
settings = {"shuffle": False, "verbose": lesson.VERBOSE}


def new_model():
    keras.utils.set_random_seed(1)
    # One batch a call: under MirroredStrategy, `fit` with more is an InvalidArgumentError.
    return models.compile_classifier(models.BUILDS[args.model](), steps_per_execution=1)


# Several GPUs, or else two logical devices of the CPU that stand in for them.
lesson.step(1, "Two devices: MirroredStrategy")
gpus, cpu = (
    tf.config.list_physical_devices("GPU"),
    tf.config.list_physical_devices("CPU")[0],
)
if len(gpus) > 1:
    tf.config.set_visible_devices(gpus, "GPU")
else:
    two = [
        tf.config.LogicalDeviceConfiguration(),
        tf.config.LogicalDeviceConfiguration(),
    ]
    tf.config.set_logical_device_configuration(cpu, two)
kind = "GPU" if len(gpus) > 1 else "CPU"
strategy = tf.distribute.MirroredStrategy(tf.config.list_logical_devices(kind))
lesson.note(f"Replicas: {strategy.num_replicas_in_sync}, each on a {kind}")
file = folder / "mirrored.keras"
with strategy.scope():  # whatever makes variables belongs in here
    model = new_model()
model.fit(x_train, y_train, **settings)
model.save(file)
loaded = {"without a strategy": keras.models.load_model(file)}
with strategy.scope():
    loaded["under MirroredStrategy"] = keras.models.load_model(file)
with tf.distribute.OneDeviceStrategy("/cpu:0").scope():
    loaded["under OneDeviceStrategy"] = keras.models.load_model(file)
model.fit(x_train, y_train, **settings)
for how, each in loaded.items():
    each.fit(x_train, y_train, **settings)
    difference = lesson.largest_difference(each.get_weights(), model.get_weights())
    steps = each.optimizer.iterations.numpy()
    lesson.check(
        f"loaded {how} and resumed: weights differ by at most {difference:.1g}, and Adam "
        f"counts {steps} steps",
        difference < 1e-4 and steps == 400,
    )


# TF_CONFIG tells each worker where all are and which one it is. The first is the chief.
def start_workers(folder):
    folder.mkdir(exist_ok=True)
    np.save(folder / "x.npy", x_train)
    np.save(folder / "y.npy", y_train)
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    tasks = [
        {"cluster": cluster, "task": {"type": "worker", "index": i}} for i in range(2)
    ]
    command = lesson.ROOT / "worker.py", folder, args.model
    return [
        lesson.start(*command, output=None, TF_CONFIG=json.dumps(task))
        for task in tasks
    ]


lesson.step(2, "Two processes: MultiWorkerMirroredStrategy")
lesson.note("They listen on all network interfaces while they train; see README.md.")
place = folder / "undisturbed"
shutil.rmtree(place, ignore_errors=True)
statuses = lesson.wait_for(start_workers(place))
lesson.check(f"both workers finished: exit status {statuses}", statuses == [0, 0])
undisturbed, other = np.load(place / "worker-0.npy"), np.load(place / "worker-1.npy")
lesson.check_equal("both workers end with equal weights", undisturbed, other)
model, single = keras.models.load_model(place / "checkpoint.keras"), new_model()
single.fit(x_train, y_train, epochs=STEPS // 200, **settings)
test = x_test, y_test, 1000, 0
(_, accuracy), (_, alone) = model.evaluate(*test), single.evaluate(*test)
sentence = (
    f"their model, on one device: {accuracy:.1%} right; trained alone: {alone:.1%}"
)
lesson.check(sentence, abs(accuracy - alone) < 0.01)
for each in (model, single):
    each.fit(x_train, y_train, **settings)
difference = lesson.largest_difference(model.get_weights(), single.get_weights())
sentence = f"resumed on one device: weights differ by {difference:.1g}"
lesson.check(sentence, difference < 1e-3, judged=args.full)

# No worker can go on without the others: the one that is left gets an error.
lesson.step(3, "A worker dies")
place = folder / "killed"
shutil.rmtree(place, ignore_errors=True)
workers = start_workers(place)
start = time.monotonic()
while not (place / "checkpoint.keras").exists() and time.monotonic() < start + 60:
    time.sleep(0.05)
lesson.check("the chief has saved a checkpoint", (place / "checkpoint.keras").exists())
workers[1].kill()
start = time.monotonic()
statuses = lesson.wait_for(workers)
seconds = time.monotonic() - start
lesson.check(
    f"all ended after {seconds:.1f} s: exit status {statuses}", statuses[0] == 1
)
model = keras.models.load_model(place / "checkpoint.keras")
steps = model.optimizer.iterations.numpy()
lesson.note(f"The last checkpoint is from step {steps}. Start both again:")
statuses = lesson.wait_for(start_workers(place))
lesson.check(f"both workers finished: exit status {statuses}", statuses == [0, 0])
finished = np.load(place / "worker-0.npy")
lesson.check_equal("finished: not one bit is different", finished, undisturbed)

lesson.step(4, "Weights too large for one file")
for old in folder.glob("sharded*"):
    old.unlink()
model.save_weights(folder / "sharded.weights.json", max_shard_size=0.0003)  # GB
for path in sorted(folder.glob("sharded*")):
    lesson.note(f"{path.name}: {path.stat().st_size:,} B")
fresh = new_model()
fresh.optimizer.build(fresh.trainable_variables)
fresh.load_weights(folder / "sharded.weights.json")
same = lesson.largest_difference(fresh.get_weights(), model.get_weights()) == 0
state, wanted = ([v.numpy() for v in m.optimizer.variables] for m in (fresh, model))
same_state = lesson.largest_difference(state, wanted) == 0
lesson.check(
    "the shards hold all: weights and Adam's state are equal", same and same_state
)
