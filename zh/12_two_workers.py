"""第 12 课：两个工作进程

两个进程一起训练一个模型，相当于两台电脑：每个进程都有一份模型，处理每个批次（batch）
的一半。在 Keras 3 里，`fit` 不能与 TensorFlow 的这种分布策略一起用：
programs/worker.py 用一个循环来代替它，这一课启动两个这样的工作进程（worker）。
（用 JAX 时 `fit` 可以用：12_two_workers_jax.py。）
"""

import json
import shutil
import time

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import models
from programs import worker

import keras

args = lesson.arguments(__doc__)
x_train, y_train = worker.load_images(args.samples)
folder = lesson.folder(__file__)
lesson.note("只用其中 6,400 张：200 个批次（batch），每个 32 张。")
shutil.rmtree(folder)  # 删除上一次运行留下的文件
first_port, second_port = lesson.free_ports()
addresses = [f"127.0.0.1:{first_port}", f"127.0.0.1:{second_port}"]  # 这台电脑


def start_worker(number, place):
    place.mkdir(parents=True, exist_ok=True)
    # TF_CONFIG 告诉每个工作进程：大家都在哪里，自己是哪一个。0 号是首席工作进程
    # （chief）。
    task = {"type": "worker", "index": number}
    config = json.dumps({"cluster": {"worker": addresses}, "task": task})
    samples = str(args.samples)
    return lesson.start(worker.__file__, place, samples, output=None, TF_CONFIG=config)


lesson.step(1, "两个工作进程一起训练")

lesson.note("训练时，它们会监听所有网络接口；请看 docs/zh/cluster.md。")
place = folder / "undisturbed"
chief = start_worker(0, place)
other = start_worker(1, place)
statuses = [chief.wait(120), other.wait(120)]  # 最多等待的秒数
lesson.check(f"两个都训练完了：退出状态 {statuses}", statuses == [0, 0])

undisturbed_model = keras.models.load_model(place / "worker-0.keras")
others_model = keras.models.load_model(place / "worker-1.keras")
lesson.check_same_weights("两者的权重相同", others_model, undisturbed_model)

lesson.step(2, "用一个进程加载它们的检查点")

# 文件里没有工作进程的信息。加载它，再训练一个周期（epoch）。
loaded_model = keras.models.load_model(place / "checkpoint.keras")
loaded_model.fit(x_train, y_train, shuffle=False, verbose=2)

# 只用这一个进程做同样的训练，差别只在舍入。
keras.utils.set_random_seed(1)
alone_model = models.build_and_compile()
alone_model.fit(x_train, y_train, epochs=4, shuffle=False, verbose=2)
weights = alone_model.get_weights()
difference = lesson.largest_difference(loaded_model.get_weights(), weights)
sentence = f"权重的最大差值为 {difference:.1g}"
lesson.check(sentence, difference < 0.001, enough_data=args.full)

lesson.step(3, "一个工作进程崩溃")

# 缺了别的工作进程，谁也不能继续：剩下的那个会报错。
place = folder / "killed"
chief = start_worker(0, place)
other = start_worker(1, place)

# 等第一个检查点（checkpoint）写好，就强制终止其中一个。
while chief.poll() is None and not (place / "checkpoint.keras").exists():
    time.sleep(0.05)
other.kill()
killed = time.monotonic()
status = chief.wait(120)
seconds = time.monotonic() - killed
lesson.check(f"{seconds:.1f} 秒之后，首席工作进程也出错停止", status != 0)

lesson.step(4, "把两个都重新启动")

# 它们从首席工作进程的检查点继续训练。
checkpoint_model = keras.models.load_model(place / "checkpoint.keras")
batches = checkpoint_model.optimizer.iterations.numpy()
lesson.note(f"检查点来自第 {batches} 个批次（共 600 个）。")

chief = start_worker(0, place)
other = start_worker(1, place)
statuses = [chief.wait(120), other.wait(120)]
lesson.check(f"两个都训练完了：退出状态 {statuses}", statuses == [0, 0])
finished_model = keras.models.load_model(place / "worker-0.keras")
lesson.check_same_weights(
    "与从未中断的训练相比，逐位相同", finished_model, undisturbed_model
)

# 在集群上怎样做：见 docs/zh/cluster.md
