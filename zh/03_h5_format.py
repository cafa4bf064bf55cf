"""第 3 课：H5 文件，以及怎样改用 .keras

视频里的写法是 `model.save("model.h5")`，现在也还能用。从这个文件加载的模型能预测，
但不另作处理，就不能继续训练。这一课讲怎样处理，再把文件转换成 `.keras`。
"""

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data

import h5py
import keras

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "训练两个周期（epoch），然后保存")

keras.utils.set_random_seed(1)
model = keras.Sequential()
model.add(keras.Input(shape=(784,)))
model.add(keras.layers.Dense(64, activation="relu"))
model.add(keras.layers.Dense(10))

loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(
    optimizer="adam",
    loss=loss,
    metrics=["accuracy"],
    steps_per_execution=125,  # 一次调用连做多个批次（batch）：更快，结果不变
)
model.fit(x_train, y_train, epochs=2, shuffle=False, verbose=2)

h5_file = folder / "mnist.h5"
with lesson.expect_warning("This file format is considered legacy"):
    model.save(h5_file)
lesson.show(h5_file)

lesson.step(2, "加载这个文件，试着继续训练")

with lesson.expect_warning("the compiled metrics have yet to be built"):
    loaded_model = keras.models.load_model(h5_file)
lesson.note("这个警告可以忽略：指标的变量要到第一个批次（batch）才创建。")
lesson.check_equal("预测结果与保存前相同", loaded_model(x_test), model(x_test))

# 200 个批次（batch），每批 32 张图像
x_few = x_train[:6400]
y_few = y_train[:6400]
with lesson.expect_error(ValueError, "Unknown variable"):
    loaded_model.fit(x_few, y_few, shuffle=False, verbose=2)

# 原因：加载器构建优化器时，没有给它任何变量。Adam 有步数计数器和学习率，
# 却没有移动平均值，而且没有任何警告。
found = len(loaded_model.optimizer.variables)
saved = len(model.optimizer.variables)
lesson.check(f"Adam 只恢复了 {found} 个数组，应为 {saved} 个", found == 2)

lesson.step(3, "恢复 Adam 的状态")

# 文件其实是完整的。只要重新编译模型，构建优化器，再把文件里的数组按顺序放回去就行。
resumed_model = keras.models.load_model(h5_file, compile=False)
resumed_model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
resumed_model.optimizer.build(resumed_model.trainable_variables)

with h5py.File(h5_file) as file:
    state = file["optimizer_weights"]
    names = state.attrs["weight_names"]
    for variable, name in zip(resumed_model.optimizer.variables, names, strict=True):
        variable.assign(state[name][()])  # [()] 读出整个数组

keras_file = folder / "mnist.keras"
resumed_model.save(keras_file)  # 第 4 步要用
resumed_model.fit(x_few, y_few, shuffle=False, verbose=2)
model.fit(x_few, y_few, shuffle=False, verbose=2)
sentence = "与从未中断的训练相比，逐位相同"
lesson.check_same_weights(sentence, resumed_model, model)

lesson.step(4, "解决办法：改用 .keras 文件")

# 第 3 步已经写好了。用一条命令也行，它把第 3 步的事都做完：
# `.venv/bin/python -m modelfile mnist.h5 --convert mnist.keras`
converted_model = keras.models.load_model(keras_file)
converted_model.fit(x_few, y_few, shuffle=False, verbose=2)
lesson.check_same_weights(sentence, converted_model, model)

lesson.step(5, "陷阱：先存 .h5，再存 .keras")

# 在 Keras 3.15 里，存成 .h5 会把优化器从模型的设置里去掉。之后再存的 .keras
# 文件就不再写明用的是哪个优化器，加载时会换成 RMSprop。所以请先存 .keras。
model.save(folder / "second.keras")
with lesson.expect_warning("Skipping variable loading for optimizer"):
    second_model = keras.models.load_model(folder / "second.keras")
optimizer = type(second_model.optimizer).__name__
lesson.check(f"加载之后，Adam 变成了 {optimizer}", optimizer == "RMSprop")
