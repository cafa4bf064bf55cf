"""One of the workers of lesson 5, which starts two of them.

    python worker.py FOLDER BUILD

The environment variable TF_CONFIG says where all workers are and which one this is. FOLDER
has the images and labels (x.npy, y.npy), and the checkpoint that the workers go on from.
BUILD names a function of models.py.
"""

import os
import sys
import threading
from pathlib import Path

import lesson
import models

import keras
import numpy as np
import tensorflow as tf

BATCH = 32  # images, of all workers together
STEPS = 600


def train(folder, build):
    """Train until STEPS, together with the other workers."""
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    rank, workers = strategy.cluster_resolver.task_id, strategy.num_replicas_in_sync
    x, y = np.load(folder / "x.npy"), np.load(folder / "y.npy")
    checkpoint = folder / "checkpoint.keras"
    with strategy.scope():
        keras.utils.set_random_seed(1)
        model = models.compile_classifier(models.BUILDS[build](), steps_per_execution=1)
        if checkpoint.exists():
            model = keras.models.load_model(checkpoint)
        model.optimizer.build(model.trainable_variables)
    losses = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction="none"
    )

    # `fit` does not work with this strategy in Keras 3. So here is what it would do.
    def train_on_share(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(losses(y, model(x, training=True))) / BATCH
        gradients = tape.gradient(loss, model.trainable_variables)
        # This waits for the other workers, and adds up the gradients of all.
        model.optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        return loss

    @tf.function
    def train_on_batch(x, y):
        return strategy.reduce(
            "SUM", strategy.run(train_on_share, args=(x, y)), axis=None
        )

    share = BATCH // workers
    for step in range(model.optimizer.iterations.numpy(), STEPS):
        start = step * BATCH % len(x) + rank * share
        loss = train_on_batch(x[start : start + share], y[start : start + share])
        if (step + 1) % 100 == 0:
            # Only the chief writes. All have the same weights, and two processes that
            # write the same file can destroy it.
            if rank == 0:
                model.save(folder / "new.keras")
                with open(folder / "new.keras", "rb+") as file:
                    os.fsync(file.fileno())
                os.replace(folder / "new.keras", checkpoint)
            print(f"   worker {rank}: step {step + 1}, loss {loss:.4f}")
    weights = np.concatenate([array.ravel() for array in model.get_weights()])
    np.save(folder / f"worker-{rank}.npy", weights)


def end_with_the_parent():
    """End this process when standard input ends: whoever started it is no more."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=end_with_the_parent, daemon=True).start()
    try:
        train(Path(sys.argv[1]), sys.argv[2])
    except tf.errors.OpError as error:
        reason = error.message[max(error.message.find("Collective ops"), 0) :]
        lesson.note(
            f"a worker stopped: {type(error).__name__}: {lesson.headline(reason, 150)}"
        )
        sys.exit(1)
