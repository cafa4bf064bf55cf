"""One of the workers of lesson 12 on JAX, which starts two of them.

    python programs/jax_worker.py FOLDER SAMPLES MESH

FOLDER has the checkpoints, one for each epoch. SAMPLES is how many images of MNIST are used.
MESH is how the devices stand, such as 2x2: the batch is divided by the first number, the
model by the second. The environment variables KERAS_DISTRIBUTION_... say where worker 0 is, how
many workers there are, and which one this is; without them it is alone. There is no
`import lesson` here: that starts TensorFlow.
"""

import logging
import os
import sys
import threading
from pathlib import Path

# The folder above has data.py and models.py.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ["KERAS_BACKEND"] = "jax"
import data
import models

import jax
import keras
import numpy as np

BATCH = 128  # images, of all workers together
BATCHES = 50  # in an epoch
EPOCHS = 3


def join():
    """Wait for the other workers; from then on the devices of all are there."""
    # JAX listens on all network interfaces, if it is not told where.
    address = os.environ["KERAS_DISTRIBUTION_JOB_ADDRESSES"]
    os.environ["JAX_COORDINATOR_BIND_ADDRESS"] = address.split(",")[0]
    # How processors talk to each other; GPUs and TPUs have ways of their own.
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    keras.distribution.initialize()


def divide(mesh):
    """Tell Keras how to divide what it makes from now on.

    Args:
        mesh: (int, int), as in MESH.
    """
    devices = keras.distribution.list_devices()  # of all workers
    mesh = keras.distribution.DeviceMesh(mesh, ["batch", "model"], devices)
    layout = keras.distribution.LayoutMap(mesh)
    # Each device has some of the 64 columns; the variables not named here it has whole.
    layout["hidden/kernel"] = (None, "model")
    # `DataParallel()` instead: each device has the whole model, and a part of the batch.
    keras.distribution.set_distribution(
        # Each worker brings its own share of the batch, see `load_share`.
        keras.distribution.ModelParallel(
            layout_map=layout, batch_dim_name="batch", auto_shard_dataset=False
        )
    )


def load_share(samples, workers, number):
    """Return this worker's images of an epoch, float32 (n, 784), and labels, uint8 (n,).

    Args:
        samples: how many images of MNIST are used; they are repeated if they are fewer.
        workers: how many there are; each has BATCH / workers images of each batch.
        number: which one this is, from 0.
    """
    (x, y), _ = data.load_mnist(samples)
    x = np.resize(x, (BATCHES, workers, BATCH // workers, models.PIXELS))
    y = np.resize(y, (BATCHES, workers, BATCH // workers))
    return x[:, number].reshape(-1, models.PIXELS), y[:, number].reshape(-1)


def train(folder, samples, workers=1, number=0):
    """Train from the newest checkpoint in `folder`, if there is one, and save the model.

    Args:
        folder: pathlib.Path, the same for all workers.
        samples, workers, number: as for `load_share`.
    """
    x, y = load_share(samples, workers, number)
    share = BATCH // workers
    checkpoints = folder.resolve() / "orbax"  # an absolute path, see lesson 8
    keras.utils.set_random_seed(1)
    # With more than one step, two workers waited for each other forever.
    model = models.compile(models.functional(), steps_per_execution=1)
    if list(checkpoints.glob("[0-9]")):
        # `load_model` fails with other devices than the checkpoint was saved with. This
        # does not, if all variables are there: the optimizer's, and those of the metrics.
        model.optimizer.build(model.trainable_variables)
        model.evaluate(x[:share], y[:share], verbose=0)
        model.load_weights(checkpoints)
    # Each worker writes what its devices have, and they wait for each other.
    saver = keras.callbacks.OrbaxCheckpoint(checkpoints, max_to_keep=EPOCHS)
    model.fit(
        x,
        y,
        batch_size=share,
        initial_epoch=int(model.optimizer.iterations) // BATCHES,
        epochs=EPOCHS,
        shuffle=False,
        callbacks=[saver],
        verbose=2 if number == 0 else 0,
    )
    # All workers must do this, each into a file of its own. It is an error where a worker
    # has a part of a layer only, such as with the mesh 1x4: then there is Orbax alone.
    model.save(folder / f"worker-{number}.keras")


def end_with_the_parent():
    """End this process when standard input ends: the lesson is gone."""
    sys.stdin.read()
    os._exit(1)


def keep_quiet():
    """Let Python print, and not C++, where Gloo says who is connected to whom."""
    sys.stdout = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    logging.getLogger("absl").setLevel(logging.ERROR)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("Start it so: jax_worker.py FOLDER SAMPLES MESH, such as 2x2")
    folder, samples, mesh = sys.argv[1:]
    mesh = tuple(map(int, mesh.split("x")))
    workers = int(os.environ.get("KERAS_DISTRIBUTION_NUM_PROCESSES", "1"))
    number = int(os.environ.get("KERAS_DISTRIBUTION_PROCESS_ID", "0"))
    keep_quiet()
    # All imports are above: on Windows an import waits for a thread that reads standard input.
    threading.Thread(target=end_with_the_parent, daemon=True).start()
    # A processor stands in for several devices.
    jax.config.update("jax_num_cpu_devices", mesh[0] * mesh[1] // workers)
    try:
        if workers > 1:
            join()
        divide(mesh)
        train(Path(folder), int(samples), workers, number)
    except Exception as error:
        reason = str(error).rpartition("Error dispatching computation: ")[2]
        print(f"   worker {number} stopped: {type(error).__name__}: {reason[:150]}")
        os._exit(1)  # at once: to end in an orderly way, it would wait for the others
