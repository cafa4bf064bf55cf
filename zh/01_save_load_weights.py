"""第 1 课：保存和加载权重

视频里的写法是 `model.save_weights("weights/")` 和 `model.load_weights("weights/")`。
现在，文件名必须以 `.weights.h5` 结尾。优化器状态也在这个文件里，不过要先构建优化器，
才能加载它的状态。
"""

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data

import keras
import numpy as np

args = lesson.arguments(__doc__)  # 打印标题，读取 --samples
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)  # saved/01_save_load_weights


# 视频里的模型：784 个像素，64 个单元，十个分数（logits，即 softmax 之前的输出），
# 每个数字对应一个。
def build():
    model = keras.Sequential()
    model.add(keras.Input(shape=(784,)))
    model.add(keras.layers.Dense(64, activation="relu"))
    model.add(keras.layers.Dense(10))
    # `from_logits`：这些分数不是概率。
    model.compile(
        optimizer=keras.optimizers.Adam(),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        steps_per_execution=125,  # 一次调用连做多个批次（batch）：更快，结果不变
    )
    return model


lesson.step(1, "训练两个周期（epoch）")

keras.utils.set_random_seed(1)  # 每次运行都用同样的随机数
model = build()

# 不打乱顺序，每次运行看到的图像和顺序就都相同，两次运行可以互相比较。
history = model.fit(x_train, y_train, epochs=2, shuffle=False, verbose=2)
first = history.history["accuracy"][0]
lesson.check(f"第 1 个周期的准确率：{first:.1%}", first > 0.90, enough_data=args.full)

lesson.step(2, "保存权重")

# 视频里的写法：
with lesson.expect_error(ValueError, "must end in `.weights.h5`"):
    model.save_weights("weights/")

# 现在的写法。文件里只有逐层存放的数组，没有说明每一层怎样计算：要先搭建模型，再加载。
weights_file = folder / "mnist.weights.h5"
model.save_weights(weights_file)
lesson.show(weights_file)

lesson.step(3, "把权重加载到全新的模型里")

# 全新的模型从随机数开始，只能在十个数字里乱猜。
loaded_model = build()
digits = np.argmax(loaded_model(x_test), axis=1)  # 得分最高的数字
right = np.mean(digits == y_test)
lesson.check(f"全新的模型只能乱猜，猜对 {right:.1%}", right < 0.25)

# Keras 会警告，这是优化器引起的，见第 4 步。权重已经加载好了。
with lesson.expect_warning("Skipping variable loading for optimizer"):
    loaded_model.load_weights(weights_file)
lesson.check_equal("预测结果与保存前相同", loaded_model(x_test), model(x_test))

lesson.step(4, "把 Adam 的状态也加载回来")

# Adam 就是优化器。它为每个权重记着两个移动平均值（视频字幕里叫指数加权平均值）：
# 一个是梯度的，一个是梯度平方的。这就是它的状态。文件里有这些值，但优化器在构建之前，
# 没有地方放它们。（再加上步数计数器和学习率，就是第 2 步里 `optimizer`
# 下面的十个 `vars`。）
loaded_model.optimizer.build(loaded_model.trainable_variables)
loaded_model.load_weights(weights_file)  # 不再有警告

# 它的步数计数器也恢复了：两个周期里，每个批次算一步。
loaded_steps = int(loaded_model.optimizer.iterations)
steps = int(model.optimizer.iterations)
lesson.check(f"Adam 的步数：{loaded_steps:,}（每个批次一步）", loaded_steps == steps)

lesson.step(5, "继续训练")

# 视频里就是这样证明的：准确率接着原来的水平上升。已经训练了两个周期（epoch，
# 也叫轮次），所以下一个是第 3 个。
history = loaded_model.fit(
    x_train, y_train, initial_epoch=2, epochs=3, shuffle=False, verbose=2
)
third = history.history["accuracy"][0]
lesson.check(f"第 3 个周期的准确率：{third:.1%}", third > 0.955, enough_data=args.full)

lesson.note("从未中断过的第一个模型：")
model.fit(x_train, y_train, initial_epoch=2, epochs=3, shuffle=False, verbose=2)
lesson.check_same_weights("两个模型的权重逐位相同", loaded_model, model)

# 没有 Adam 的状态，训练结果就会不同：见第 2 课。哪种模型能加载哪种模型的权重：
# 见第 5 课。全部九种组合：python -m experiments.pairs
