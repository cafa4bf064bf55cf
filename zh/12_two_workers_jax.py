"""第 12 课，第二部分：用 JAX 的两个工作进程

用 JAX 时，`fit` 能在几个进程里一起训练；一个设备放不下的模型，可以分到所有设备上。
这一课启动两个工作进程（worker），每个有两个设备：它们做什么，
写在 programs/jax_worker.py 里。OrbaxCheckpoint 的用法与第 8 课相同，
两个进程都用它保存。
"""

import shutil
import sys
import time

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息

import keras

args = lesson.arguments(__doc__)
folder = lesson.folder(__file__)
shutil.rmtree(folder)  # 删除上一次运行留下的文件
if not (lesson.is_installed("jax") and lesson.is_installed("orbax")):
    sys.exit()
lesson.note("只用其中 6,400 张：50 个批次（batch），每个 128 张。")

program = lesson.ROOT / "programs" / "jax_worker.py"
samples = str(args.samples)
place = folder / "two workers"
place.mkdir(parents=True)
first_port, second_port = lesson.free_ports()


def start_worker(number, port):
    # Keras 会读取这些变量：0 号工作进程在哪里，一共有几个，自己是哪一个。
    environment = {
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{port}",  # 这台电脑
        "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
        "KERAS_DISTRIBUTION_PROCESS_ID": str(number),
    }
    # 网格（mesh）2x2：每个批次分成两半，模型的第一层也分成两半。
    with lesson.quietly():  # JAX 和 Orbax 会打印很多信息
        return lesson.start(program, place, samples, "2x2", output=None, **environment)


lesson.step(1, "两个工作进程一起训练，一个崩溃")

# 一共三个周期（epoch）；第一个结束之后，就强制终止其中一个进程。
# 这个周期的文件夹名为 0。
chief = start_worker(0, first_port)
other = start_worker(1, first_port)
while chief.poll() is None and not (place / "orbax" / "0").exists():
    time.sleep(0.05)
other.kill()
status = chief.wait(120)  # 最多等待的秒数
lesson.check("没有被终止的那个也失败了", status != 0)
epochs = sorted(path.name for path in (place / "orbax").glob("[0-9]"))
lesson.note(f"已保存的周期，从 0 数起：{epochs}")

# 此时已有的内容，第 3 步要用。
shutil.copytree(place / "orbax", folder / "four devices" / "orbax")
shutil.copytree(place / "orbax", folder / "one device" / "orbax")

lesson.step(2, "把两个都重新启动")

chief = start_worker(0, second_port)
other = start_worker(1, second_port)
statuses = [chief.wait(120), other.wait(120)]
lesson.check(f"两个都训练完了：退出状态 {statuses}", statuses == [0, 0])

# 结束时，每个工作进程都保存了一个 `.keras` 文件，里面没有 JAX 和工作进程的信息。
model = keras.models.load_model(place / "worker-0.keras")
others_model = keras.models.load_model(place / "worker-1.keras")
lesson.check_same_weights("两者的权重相同", others_model, model)
steps = int(model.optimizer.iterations)
lesson.check(f"Adam 的步数：{steps}（每个批次一步）", steps == 150)

lesson.step(3, "换成别的设备，从同一个周期继续训练")

# 各用一个进程：一个有四个设备，把这一层分成四份；另一个只有一个设备。
with lesson.quietly():
    four = lesson.start(program, folder / "four devices", samples, "1x4", output=None)
    one = lesson.start(program, folder / "one device", samples, "1x1", output=None)
statuses = [four.wait(120), one.wait(120)]
lesson.check(f"两个都训练完了：退出状态 {statuses}", statuses == [0, 0])

# 同样的数按另一种顺序相加，舍入也就不同。
weights = model.get_weights()
four_model = keras.models.load_model(folder / "four devices" / "worker-0.keras")
difference = lesson.largest_difference(four_model.get_weights(), weights)
lesson.check(f"四个设备：权重的最大差值为 {difference:.1g}", difference < 1e-5)
one_model = keras.models.load_model(folder / "one device" / "worker-0.keras")
difference = lesson.largest_difference(one_model.get_weights(), weights)
lesson.check(f"一个设备：权重的最大差值为 {difference:.1g}", difference < 1e-5)

lesson.step(4, "Keras 的官方指南没有说的")

# 只有进程和设备都相同时，`load_model` 才能加载这个文件夹，所以在这里不行。
# 第 3 步怎样加载：见 programs/jax_worker.py 里的 `train`。
with lesson.quietly(), lesson.expect_error(KeyError, "Failed to load checkpointable"):
    keras.models.load_model(place / "orbax")

# `.keras` 文件在哪里都能加载。什么情况用哪种方法：见 docs/zh/cluster.md
