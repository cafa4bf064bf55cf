"""第 6 课：Keras 2 的文件

如果您 2020 年跟着视频做过，手里就有 `.h5` 文件或文件夹，现在的 Keras 拒绝加载。
一条命令就能转换。然后这一课亲手做一遍这条命令所做的事。
"""

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data

import keras
import numpy as np
import tf_keras  # Keras 2，在现在的 TensorFlow 上仍能运行

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
old_file = data.keras2_file("functional/model.h5")
folder = lesson.folder(__file__)

lesson.step(1, "用现在的 Keras 加载会怎样")

with lesson.expect_warning("`decay`"), lesson.expect_error(ValueError, "`reduction`"):
    keras.models.load_model(old_file)

lesson.step(2, "一条命令")

# 在终端里输入：`.venv/bin/python -m modelfile model.h5 --convert model.keras`
#
# 写文件之前，它会比较两个模型；已有的文件从不覆盖。
new_file = folder / "model.keras"
new_file.unlink(missing_ok=True)
old, new = old_file.relative_to(lesson.ROOT), new_file.relative_to(lesson.ROOT)
lesson.run("-m", "modelfile", old, "--convert", new, directory=lesson.ROOT)
print()

model = keras.models.load_model(new_file)
steps = int(model.optimizer.iterations)
lesson.check(f"Adam 带有状态，已训练 {steps:,} 步", steps == 3750)

lesson.step(3, "亲手做一遍：权重")

# 先用 Keras 2 加载旧文件，再把权重交给层相同的新模型。
old_model = tf_keras.models.load_model(old_file)
model = keras.Sequential()
model.add(keras.Input(shape=(784,)))
model.add(keras.layers.Dense(64, activation="relu"))
model.add(keras.layers.Dense(10))
model.set_weights(old_model.get_weights())
lesson.check_close("预测结果的最大差值", model(x_test), old_model(x_test))

lesson.step(4, "亲手做一遍：Adam 的状态")

# Adam 为每个权重保存两个移动平均值：m 是梯度的，v 是梯度平方的。
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
model.optimizer.build(model.trainable_variables)
model.optimizer.iterations.assign(old_model.optimizer.iterations)

# 这些平均值前面还有两个变量：步数计数器和学习率。
means = model.optimizer.variables[2:]
for weight in old_model.trainable_variables:
    means.pop(0).assign(old_model.optimizer.get_slot(weight, "m"))
    means.pop(0).assign(old_model.optimizer.get_slot(weight, "v"))

lesson.step(5, "像 TensorFlow 2.3 那样继续训练")

# TensorFlow 2.3 接着训练了 200 个批次，每批 32 张图像，并保存了它的权重。
model.fit(x_train[:6400], y_train[:6400], shuffle=False, verbose=2)
in_2020 = np.load(data.keras2_file("functional/reference.npz"))["w0"]
difference = lesson.largest_difference([model.get_weights()[0]], [in_2020])
result = f"第一个权重矩阵与 TensorFlow 2.3 的最多相差 {difference:.1g}"
lesson.check(result, difference < 1e-5, enough_data=args.samples >= 6400)

# 视频里的文件夹也能转换：`save` 写的文件夹用同样的方法；`save_weights`
# 写的要加上您搭建的模型（modelfile.keras2.convert）。
