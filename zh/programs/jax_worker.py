"""第 12 课用 JAX 的工作进程；那一课会启动两个。

    python programs/jax_worker.py FOLDER SAMPLES MESH

FOLDER 里是检查点（checkpoint），每个周期（epoch）一个。SAMPLES 是用多少张 MNIST
图像。MESH 是设备的排列方式，例如 2x2：第一个数是把批次（batch）分成几份，
第二个数是把模型分成几份。环境变量 KERAS_DISTRIBUTION_... 说明 0 号工作进程在哪里，
一共有几个，自己是哪一个；没有这些变量，就只有它自己。这里没有 `import lesson`，
因为它会启动 TensorFlow。
"""

import logging
import os
import sys
import threading
from pathlib import Path

# data.py 和 models.py 在上一级文件夹里。
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ["KERAS_BACKEND"] = "jax"
import data
import models

import jax
import keras
import numpy as np

BATCH = 128  # 图像数，所有工作进程合计
BATCHES = 50  # 每个周期（epoch）的批次数
EPOCHS = 3


def join():
    """等待其他工作进程；此后，所有工作进程的设备都能用。"""
    # 如果不指定地址，JAX 会监听所有网络接口。
    address = os.environ["KERAS_DISTRIBUTION_JOB_ADDRESSES"]
    os.environ["JAX_COORDINATOR_BIND_ADDRESS"] = address.split(",")[0]
    # 处理器之间怎样通信；GPU 和 TPU 各有自己的方式。
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    keras.distribution.initialize()


def divide(mesh):
    """告诉 Keras，以后创建的内容怎样划分。

    参数：
        mesh：(int, int)，与 MESH 相同。
    """
    devices = keras.distribution.list_devices()  # 所有工作进程的
    mesh = keras.distribution.DeviceMesh(mesh, ["batch", "model"], devices)
    layout = keras.distribution.LayoutMap(mesh)
    # 64 列分给各个设备；这里没有写到的变量，每个设备都有完整的一份。
    layout["hidden/kernel"] = (None, "model")
    # 也可以用 `DataParallel()`：每个设备都有整个模型，处理批次的一部分。
    keras.distribution.set_distribution(
        # 每个工作进程自己准备它那一份批次，见 `load_share`。
        keras.distribution.ModelParallel(
            layout_map=layout, batch_dim_name="batch", auto_shard_dataset=False
        )
    )


def load_share(samples, workers, number):
    """返回这个工作进程一个周期的图像，float32 (n, 784)，和标签，uint8 (n,)。

    参数：
        samples：用多少张 MNIST 图像；不够时重复使用。
        workers：一共有几个；每个批次里，每个工作进程有 BATCH / workers 张图像。
        number：自己是哪一个，从 0 数起。
    """
    (x, y), _ = data.load_mnist(samples)
    x = np.resize(x, (BATCHES, workers, BATCH // workers, models.PIXELS))
    y = np.resize(y, (BATCHES, workers, BATCH // workers))
    return x[:, number].reshape(-1, models.PIXELS), y[:, number].reshape(-1)


def train(folder, samples, workers=1, number=0):
    """从 `folder` 里最新的检查点（如果有）开始训练，然后保存模型。

    参数：
        folder：pathlib.Path，所有工作进程用同一个。
        samples、workers、number：与 `load_share` 相同。
    """
    x, y = load_share(samples, workers, number)
    share = BATCH // workers
    checkpoints = folder.resolve() / "orbax"  # 绝对路径，见第 8 课
    keras.utils.set_random_seed(1)
    # 如果大于一，两个工作进程会一直互相等待。
    model = models.compile(models.functional(), steps_per_execution=1)
    if list(checkpoints.glob("[0-9]")):
        # 如果设备与保存检查点时不同，`load_model` 会失败。这样做则不会，
        # 只要所有变量都在：优化器的，还有指标的。
        model.optimizer.build(model.trainable_variables)
        model.evaluate(x[:share], y[:share], verbose=0)
        model.load_weights(checkpoints)
    # 每个工作进程写出自己的设备上的内容，并互相等待。
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
    # 所有工作进程都必须这样做，各写各的文件。如果一个工作进程只有某一层的一部分，
    # 例如网格是 1x4 时，就会报错：那就只能用 Orbax。
    model.save(folder / f"worker-{number}.keras")


def end_with_the_parent():
    """标准输入结束时，就结束本进程：启动它的那一课已经退出。"""
    sys.stdin.read()
    os._exit(1)


def keep_quiet():
    """让 Python 打印，不让 C++ 打印：Gloo 会在那里输出谁与谁已连接。"""
    sys.stdout = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    logging.getLogger("absl").setLevel(logging.ERROR)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("启动方法：jax_worker.py FOLDER SAMPLES MESH，例如 2x2")
    folder, samples, mesh = sys.argv[1:]
    mesh = tuple(map(int, mesh.split("x")))
    workers = int(os.environ.get("KERAS_DISTRIBUTION_NUM_PROCESSES", "1"))
    number = int(os.environ.get("KERAS_DISTRIBUTION_PROCESS_ID", "0"))
    keep_quiet()
    # 所有的导入都在前面：在 Windows 上，有线程在读标准输入时，导入会一直等待。
    threading.Thread(target=end_with_the_parent, daemon=True).start()
    # 用一个处理器代替几个设备。
    jax.config.update("jax_num_cpu_devices", mesh[0] * mesh[1] // workers)
    try:
        if workers > 1:
            join()
        divide(mesh)
        train(Path(folder), int(samples), workers, number)
    except Exception as error:
        reason = str(error).rpartition("Error dispatching computation: ")[2]
        print(f"   工作进程 {number} 停止了：{type(error).__name__}: {reason[:150]}")
        os._exit(1)  # 立即结束：正常退出会等待其他进程
