"""第 12 课的工作进程；那一课会启动两个。

    python programs/worker.py FOLDER SAMPLES

环境变量 TF_CONFIG 说明所有的工作进程在哪里，自己是哪一个。FOLDER
是检查点（checkpoint）所在的文件夹。SAMPLES 是用多少张 MNIST 图像。
"""

import os
import sys
import threading
from pathlib import Path

# lesson.py、data.py 和 models.py 在上一级文件夹里。
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import lesson
import data
import models

import keras
import numpy as np
import tensorflow as tf

BATCH = 32  # 图像数，所有工作进程合计
BATCHES = 200  # 每个周期（epoch）的批次数
EPOCHS = 3


def load_images(samples):
    """返回一个周期的图像，float32 (6400, 784)，和标签，uint8 (6400,)。

    参数：
        samples：用多少张 MNIST 图像；不够时重复使用。
    """
    (x, y), _ = data.load_mnist(samples)
    size = BATCH * BATCHES
    return np.resize(x[:size], (size, models.PIXELS)), np.resize(y[:size], size)


def train(folder, samples):
    """与其他工作进程一起训练；如果 `folder` 里有检查点，就从它开始。

    每个工作进程在最后保存模型，文件名是 `worker-0.keras` 等。

    参数：
        folder：pathlib.Path，所有工作进程用同一个。
        samples：与 `load_images` 相同。
    """
    folder.mkdir(parents=True, exist_ok=True)
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    worker = strategy.cluster_resolver.task_id
    workers = strategy.num_replicas_in_sync
    x, y = load_images(samples)
    checkpoint = folder / "checkpoint.keras"

    # 会创建变量的，都要放在分布策略的作用域（scope）里。
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

    # 在 Keras 3 里，这种分布策略下不能用 `fit`。所以在这里写出它本来要做的事。
    def train_on_share(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(loss_of_each(y, model(x, training=True))) / BATCH
        gradients = tape.gradient(loss, model.trainable_variables)
        # 这一行会等待其他工作进程，并把所有工作进程的梯度加起来。
        model.optimizer.apply(gradients)
        return loss

    # 每个工作进程用自己的那一份数据运行它；损失是所有工作进程的总和。
    @tf.function
    def train_on_batch(x, y):
        losses = strategy.run(train_on_share, args=(x, y))
        return strategy.reduce("SUM", losses, axis=None)

    share = BATCH // workers
    for step in range(model.optimizer.iterations.numpy(), BATCHES * EPOCHS):
        start = step % BATCHES * BATCH + worker * share
        loss = train_on_batch(x[start : start + share], y[start : start + share])
        if (step + 1) % 100 == 0:
            # 只有 0 号，即首席工作进程，才写文件：大家的权重都相同，
            # 而两个进程写同一个文件会把它写坏。（有 BatchNormalization 时，
            # 它的移动平均值只来自首席工作进程的那一份数据。）怎样写：见第 10 课。
            if worker == 0:
                model.save(folder / "unfinished.keras")
                os.replace(folder / "unfinished.keras", checkpoint)
            print(f"   工作进程 {worker}：第 {step + 1} 个批次，损失 {loss:.4f}")
    model.save(folder / f"worker-{worker}.keras")


def end_with_the_parent():
    """标准输入结束时，就结束本进程：启动它的那一课已经退出。"""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    if len(sys.argv) != 3 or "TF_CONFIG" not in os.environ:
        sys.exit(
            "请设置 TF_CONFIG（见 docs/zh/cluster.md），再启动：worker.py FOLDER"
            " SAMPLES"
        )
    # 所有的导入都在前面：在 Windows 上，有线程在读标准输入时，导入会一直等待。
    threading.Thread(target=end_with_the_parent, daemon=True).start()
    try:
        train(Path(sys.argv[1]), int(sys.argv[2]))
    except tf.errors.OpError as error:
        reason = error.message[max(error.message.find("Collective ops"), 0) :]
        reason = lesson.headline(reason, 150)
        lesson.note(f"一个工作进程停止了：{type(error).__name__}: {reason}")
        sys.exit(1)
