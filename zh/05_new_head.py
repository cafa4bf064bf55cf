"""第 5 课，第三部分：换一个分类头

已经学会十个类别的模型，正好可以用作五个类别的新任务的起点。能加载的就加载，
保持不变，只训练其余部分：这叫迁移学习（transfer learning）。
"""

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data
import models

import keras

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

lesson.step(1, "训练模型区分十个类别，保存权重")

keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.fit(x_train, y_train, shuffle=False, verbose=2)
model.save_weights(folder / "ten.weights.h5")

lesson.step(2, "报错：分类头不同")

# 新任务：图像里是 0 或 1、2 或 3、4 或 5、6 或 7，还是 8 或 9？共五个类别，
# 而且只有 500 张图像。最后一层，即分类头（head），大小与文件里的不同。
x_few = x_train[:500]
y_few = y_train[:500] // 2
new_model = keras.Sequential()
new_model.add(keras.Input(shape=(784,)))
new_model.add(keras.layers.Dense(64, activation="relu", name="base"))
new_model.add(keras.layers.Dense(5, name="head"))
new_weights = new_model.get_weights()
with lesson.expect_error(ValueError, "could not be loaded"):
    new_model.load_weights(folder / "ten.weights.h5")

lesson.step(3, "能加载的就加载，再核对加载了什么")

with lesson.expect_warning("could not be loaded"):
    new_model.load_weights(folder / "ten.weights.h5", skip_mismatch=True)

# 没有加载的层里，警告只会指出一个，所以每一层都要看一看。不看的话，
# 训练时用的基础模型可能全是随机数。
base = new_model.get_layer("base")
head = new_model.get_layer("head")
lesson.check_equal("基础模型已加载", base.kernel, model.layers[0].kernel)
lesson.check_equal("分类头没有加载", head.get_weights()[0], new_weights[2])

lesson.step(4, "冻结基础模型，训练分类头")

# 冻结的层，训练时不再改变。先冻结，再编译。
base.trainable = False
new_model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
new_model.fit(x_few, y_few, epochs=20, shuffle=False, verbose=0)
_, frozen = new_model.evaluate(x_test, y_test // 2, verbose=0)
lesson.check_equal("基础模型没有变化", base.kernel, model.layers[0].kernel)
lesson.note(f"只训练分类头：测试图像答对 {frozen:.1%}。")

lesson.step(5, "解冻基础模型，训练全部的层")

# 学习率要小，免得基础模型忘掉学过的内容。
base.trainable = True
small_steps = keras.optimizers.Adam(learning_rate=0.0003)
new_model.compile(optimizer=small_steps, loss=loss, metrics=["accuracy"])
new_model.fit(x_few, y_few, epochs=20, shuffle=False, verbose=0)
_, unfrozen = new_model.evaluate(x_test, y_test // 2, verbose=0)
lesson.check(
    f"训练全部的层：答对 {unfrozen:.1%}", unfrozen > frozen, enough_data=args.full
)

# 还是这 500 张图像，但不用第一个任务的权重：
new_model.set_weights(new_weights)
new_model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
new_model.fit(x_few, y_few, epochs=40, shuffle=False, verbose=0)
_, afresh = new_model.evaluate(x_test, y_test // 2, verbose=0)
lesson.check(
    f"不用旧权重、从头训练：答对 {afresh:.1%}", afresh < unfrozen, enough_data=args.full
)

# 如果基础模型本身是一个序贯模型，加载之后会一直冻结着：见 05_frozen_base.py。
