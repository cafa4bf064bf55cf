"""第 11 课：两个设备；把权重存到几个文件里

视频里用一个设备训练。`tf.distribute.MirroredStrategy` 同时用一台电脑上的所有 GPU
训练：每个 GPU 上有模型的一个副本（replica），处理每个批次（batch）的一部分。
保存和加载不用另作处理，关键是模型在哪里创建。
"""

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data
import models

import keras
import numpy as np
import tensorflow as tf

args = lesson.arguments(__doc__)
(x_train, y_train), _ = data.load_mnist(args.samples)
# 200 个批次，每批都是满满的 32 张图像：每个设备处理半批。（`resize` 取前 6,400 张图像；
# 不够就重复使用。）
x_train = np.resize(x_train, (6400, 784))
y_train = np.resize(y_train, 6400)
folder = lesson.folder(__file__)
lesson.note("只用其中 6,400 张：200 个批次（batch），每个 32 张。")

lesson.step(1, "找到两个设备")

gpus = tf.config.list_physical_devices("GPU")
if len(gpus) > 1:
    tf.config.set_visible_devices(gpus, "GPU")  # 其他各课会隐藏 GPU
    devices = tf.config.list_logical_devices("GPU")
else:
    # 没有 GPU 时，用处理器（CPU）的两半来代替。
    cpu = tf.config.list_physical_devices("CPU")[0]
    half = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [half, half])
    devices = tf.config.list_logical_devices("CPU")
for device in devices:
    lesson.note(device.name)

lesson.step(2, "在两个设备上训练，然后保存")

# 会创建变量的（模型、优化器），都要放在分布策略的作用域（scope）里。
strategy = tf.distribute.MirroredStrategy(devices)
with strategy.scope():
    keras.utils.set_random_seed(1)
    model = models.build()
    # 这里没有像第 1 课那样设 `steps_per_execution`：在这种分布策略下，
    # 一次多步会让 `fit` 报错 InvalidArgumentError。
    model.compile(
        optimizer=keras.optimizers.Adam(),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
model.fit(x_train, y_train, shuffle=False, verbose=2)
mirrored_file = folder / "mirrored.keras"
model.save(mirrored_file)

lesson.step(3, "分别在一个设备和两个设备上加载，继续训练")

# 文件里没有分布策略。不在作用域里加载，就只用一个设备。
one_device_model = keras.models.load_model(mirrored_file)
with strategy.scope():
    both_devices_model = keras.models.load_model(mirrored_file)

model.fit(x_train, y_train, shuffle=False, verbose=2)
one_device_model.fit(x_train, y_train, shuffle=False, verbose=2)
both_devices_model.fit(x_train, y_train, shuffle=False, verbose=2)
steps = one_device_model.optimizer.iterations.numpy()
lesson.check(f"Adam 接着数批次：{steps}", steps == 400)

# 只用一个设备时，同样的数按另一种顺序相加，舍入也就不同。（有 BatchNormalization
# 时差别更大：每个设备只看得到批次里自己的那一部分。）
weights = model.get_weights()
both = lesson.largest_difference(both_devices_model.get_weights(), weights)
one = lesson.largest_difference(one_device_model.get_weights(), weights)
lesson.check(f"在两个设备上：权重的最大差值为 {both:.1g}", both < 1e-4)
lesson.check(f"在一个设备上：权重的最大差值为 {one:.1g}", one < 1e-4)

lesson.step(4, "把权重存到几个文件里")

# 如果权重太大，一个文件放不下：这里每个文件（分片，shard）最多 0.0003 GB。
# 各分片一个接一个地写，所以并不省时间。
model.save_weights(folder / "mnist.weights.json", max_shard_size=0.0003)
for path in sorted(folder.glob("mnist*")):
    lesson.note(f"{path.name}: {path.stat().st_size:,} B")

loaded_model = models.build_and_compile()
loaded_model.optimizer.build(loaded_model.trainable_variables)
loaded_model.load_weights(folder / "mnist.weights.json")
lesson.check_same_weights("已从所有文件加载", loaded_model, model)
steps = loaded_model.optimizer.iterations.numpy()
lesson.check(f"Adam 的状态也在：{steps} 个批次", steps == 400)

# 一个数组不会拆开：最大的数组有 784 x 64 个数，必须能放进一个文件。
with lesson.expect_error(ValueError, "exceeds the maximum shard size"):
    model.save_weights(folder / "small.weights.json", max_shard_size=0.0001)
