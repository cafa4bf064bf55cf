"""第 8 课，第三部分：用 Orbax 保存

Keras 3.14 新增的 `keras.callbacks.OrbaxCheckpoint` 一边训练，一边保存。
Keras 的官方指南推荐把它用于大型模型和多台电脑。但它保存的内容不一定都能恢复，
而且没有任何提示。所以加载之后，请检查一下。
"""

import logging
import os
import shutil
import sys

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data
import models

import keras

args = lesson.arguments(__doc__)
(x_train, y_train), _ = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "不用 Orbax")

# `fit` 会等 ModelCheckpoint 写完文件；BackupAndRestore 也一样。
keras.utils.set_random_seed(1)
model = models.build_and_compile("functional")
saver = keras.callbacks.ModelCheckpoint(folder / "mnist.keras")
model.fit(x_train, y_train, shuffle=False, callbacks=[saver], verbose=2)
loaded_model = keras.models.load_model(folder / "mnist.keras")
lesson.check_same_weights("文件与模型相同", loaded_model, model)
if not lesson.is_installed("orbax"):
    sys.exit()

lesson.step(2, "用 Orbax：函数式模型能恢复")

# `fit` 只等权重复制完，就接着训练，同时写文件。每个周期（epoch）存成一个文件夹，
# 从 0 数起；只留最后一个（要多留几个：`max_to_keep=`）。
logging.getLogger("absl").setLevel(logging.CRITICAL)  # Orbax 每次保存都会警告
shutil.rmtree(folder)  # 上一次运行留下的文件，以及第 1 步的文件
saver = keras.callbacks.OrbaxCheckpoint(folder / "functional")
model.fit(x_train, y_train, epochs=2, shuffle=False, callbacks=[saver], verbose=2)
for path in sorted(folder.glob("functional/*/*")):
    lesson.note(path.relative_to(folder).as_posix())

loaded_model = keras.models.load_model(folder / "functional")
model.fit(x_train, y_train, shuffle=False, verbose=2)
loaded_model.fit(x_train, y_train, shuffle=False, verbose=2)
lesson.check_same_weights("继续训练：逐位相同", loaded_model, model)

lesson.step(3, "序贯模型恢复之后，权重是随机的")


def build():
    model = models.sequential()  # 名为 classifier，两层名为 hidden 和 logits
    # 如果不起名，Keras 会把程序里的第二个 Adam 叫作 adam_1：见第 4 步。
    adam = keras.optimizers.Adam(name="adam")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=adam, loss=loss, steps_per_execution=125)
    return model


model = build()
saver = keras.callbacks.OrbaxCheckpoint(folder / "sequential")
model.fit(x_train, y_train, epochs=2, shuffle=False, callbacks=[saver], verbose=2)
loaded_model = keras.models.load_model(folder / "sequential")
lesson.check_other_weights("没有报错，但权重是随机的", loaded_model, model)
batches = int(loaded_model.optimizer.iterations)
lesson.note(f"表面上一切正常：Adam 的步数是 {batches:,}（每个批次一步）。")

# Orbax 按路径寻找每个变量；找不到的，就让它保持原样。
lesson.note(f"保存的：{model.weights[0].path}；加载的：{loaded_model.weights[0].path}")

lesson.step(4, "用同样的名称搭建，加载，从第 2 个周期之后继续")

restored_model = build()
restored_model.optimizer.build(restored_model.trainable_variables)
restored_model.load_weights(folder / "sequential")

# 不写 `initial_epoch`，编号又从 0 开始：第 0 个周期比已保存的旧，Orbax 不提示就跳过；
# 轮到第 1 个周期，它已经有了，就报 FileExistsError。
saver = keras.callbacks.OrbaxCheckpoint(folder / "sequential")
order = {"initial_epoch": 2, "epochs": 3, "shuffle": False}
restored_model.fit(x_train, y_train, callbacks=[saver], verbose=2, **order)
model.fit(x_train, y_train, shuffle=False, verbose=2)
lesson.check_same_weights("继续训练：逐位相同", restored_model, model)

lesson.step(5, "相对路径的文件夹")

# Orbax 需要绝对路径。否则错误只写进它的日志（这里已隐藏），到保存下一个周期时才抛出异
# 常。只训练一个周期时，`fit` 结束时看上去一切正常：
os.chdir(folder)
saver = keras.callbacks.OrbaxCheckpoint("relative")
model.fit(x_train[:3200], y_train[:3200], callbacks=[saver], verbose=2)
with lesson.expect_error(ValueError, "No valid checkpoints found"):
    keras.models.load_model("relative")

# Orbax 用于在许多设备上训练的模型：见第 12 课。其他模型用 `.keras` 文件更简单。
# 第 9 课讲的内容里，Orbax 只保留 Dropout 的随机数，而且要像第 4 步那样加载。
# Normalization 学到的内容，它不保留。
