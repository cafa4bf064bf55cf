"""第 3 课：H5 文件，以及怎样改用 .keras

The video calls `model.save("model.h5")`, and that still works today. The model that is
loaded from the file predicts, but it cannot continue training without help: this lesson
gives that help, and converts the file to `.keras`.
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

lesson.step(2, "Load it, and try to continue training")

with lesson.expect_warning("the compiled metrics have yet to be built"):
    loaded_model = keras.models.load_model(h5_file)
lesson.note("这个警告可以忽略：指标的变量要到第一个批次（batch）才创建。")
lesson.check_equal("预测结果与保存前相同", loaded_model(x_test), model(x_test))

# 200 个批次（batch），每批 32 张图像
x_few = x_train[:6400]
y_few = y_train[:6400]
with lesson.expect_error(ValueError, "Unknown variable"):
    loaded_model.fit(x_few, y_few, shuffle=False, verbose=2)

# Why: the loader builds the optimizer for no variables at all. Adam has its step
# counter and its learning rate, but not its running means, and there was no warning.
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

# Step 3 has written it. So does one command, which does all of step 3, too:
# `.venv/bin/python -m modelfile mnist.h5 --convert mnist.keras`
converted_model = keras.models.load_model(keras_file)
converted_model.fit(x_few, y_few, shuffle=False, verbose=2)
lesson.check_same_weights(sentence, converted_model, model)

lesson.step(5, "A trap: save as .h5 first, then as .keras")

# In Keras 3.15 saving as .h5 takes the optimizer out of the model's settings. A .keras
# file that is saved after that no longer says which optimizer was used, and the loader
# takes RMSprop. So save as .keras first.
model.save(folder / "second.keras")
with lesson.expect_warning("Skipping variable loading for optimizer"):
    second_model = keras.models.load_model(folder / "second.keras")
optimizer = type(second_model.optimizer).__name__
lesson.check(f"加载之后，Adam 变成了 {optimizer}", optimizer == "RMSprop")
