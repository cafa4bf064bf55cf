"""One of the workers of lesson 12, which starts two of them.

    python programs/worker.py FOLDER SAMPLES

The environment variable TF_CONFIG says where all workers are, and which one this is.
FOLDER is where the checkpoint is. SAMPLES is how many images of MNIST are used.
"""

import os
import sys
import threading
from pathlib import Path

# The folder above has lesson.py, data.py and models.py.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import lesson
import data
import models

import keras
import numpy as np
import tensorflow as tf

BATCH = 32  # images, of all workers together
BATCHES = 200  # in an epoch
EPOCHS = 3


def load_images(samples):
    """Return the images of an epoch, float32 (6400, 784), and labels, uint8 (6400,).

    Args:
        samples: how many images of MNIST are used; they are repeated if they are fewer.
    """
    (x, y), _ = data.load_mnist(samples)
    size = BATCH * BATCHES
    return np.resize(x[:size], (size, models.PIXELS)), np.resize(y[:size], size)


def train(folder, samples):
    """Train together with the other workers, from the checkpoint in `folder` if there is one.

    Each worker saves the model at its end, as `worker-0.keras` and so on.

    Args:
        folder: pathlib.Path, the same for all workers.
        samples: as for `load_images`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    worker = strategy.cluster_resolver.task_id
    workers = strategy.num_replicas_in_sync
    x, y = load_images(samples)
    checkpoint = folder / "checkpoint.keras"

    # What makes variables belongs in the scope.
    with strategy.scope():
        if checkpoint.exists():
            model = keras.models.load_model(checkpoint)
        else:
            keras.utils.set_random_seed(1)
            model = models.build_and_compile()
        model.optimizer.build(model.trainable_variables)
    loss_of_each = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction="none"
    )

    # `fit` does not work with this strategy in Keras 3. So here is what it would do.
    def train_on_share(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(loss_of_each(y, model(x, training=True))) / BATCH
        gradients = tape.gradient(loss, model.trainable_variables)
        # This waits for the other workers, and adds up the gradients of all.
        model.optimizer.apply(gradients)
        return loss

    # Each worker runs it on its share; the loss is the sum over all workers.
    @tf.function
    def train_on_batch(x, y):
        losses = strategy.run(train_on_share, args=(x, y))
        return strategy.reduce("SUM", losses, axis=None)

    share = BATCH // workers
    for step in range(model.optimizer.iterations.numpy(), BATCHES * EPOCHS):
        start = step % BATCHES * BATCH + worker * share
        loss = train_on_batch(x[start : start + share], y[start : start + share])
        if (step + 1) % 100 == 0:
            # Only worker 0 writes, the chief: all have the same weights, and two processes
            # that write the same file can destroy it. (With BatchNormalization its moving
            # averages are of the chief's share.) How to write: lesson 10.
            if worker == 0:
                model.save(folder / "unfinished.keras")
                os.replace(folder / "unfinished.keras", checkpoint)
            print(f"   worker {worker}: batch {step + 1}, loss {loss:.4f}")
    model.save(folder / f"worker-{worker}.keras")


def end_with_the_parent():
    """End this process when standard input ends: the lesson is gone."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    if len(sys.argv) != 3 or "TF_CONFIG" not in os.environ:
        sys.exit("Set TF_CONFIG (docs/cluster.md), and start: worker.py FOLDER SAMPLES")
    # All imports are above: on Windows an import waits for a thread that reads standard input.
    threading.Thread(target=end_with_the_parent, daemon=True).start()
    try:
        train(Path(sys.argv[1]), int(sys.argv[2]))
    except tf.errors.OpError as error:
        reason = error.message[max(error.message.find("Collective ops"), 0) :]
        reason = lesson.headline(reason, 150)
        lesson.note(f"a worker stopped: {type(error).__name__}: {reason}")
        sys.exit(1)
