"""第 3 课：H5 文件，以及怎样改用 .keras

视频里的写法是 `model.save("model.h5")`，现在也还能用。从这个文件加载的模型能预测，
但要先做一些处理，才能继续训练。这一课讲怎样处理，再把文件转换成 `.keras`。
"""

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data
import models

import h5py
import keras

args = lesson.arguments(__doc__, model=True)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "训练两个周期（epoch），然后保存")

keras.utils.set_random_seed(1)
model = models.build(args.model)
model.compile(
    optimizer=keras.optimizers.Adam(),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
    steps_per_execution=125,  # 一次调用连做多个批次（batch）：更快，结果不变
)
model.fit(x_train, y_train, epochs=2, shuffle=False, verbose=2)

h5_file = folder / "mnist.h5"
with lesson.expect_warning("This file format is considered legacy"):
    model.save(h5_file)
lesson.show(h5_file)

lesson.step(2, "加载这个文件，试着继续训练")

# 如果是子类化模型，加载 .h5 时要把它的类传给加载器。视频里提到的 `get_config`
# 和 `from_config` 也与此有关：见第 4 课。
classes = {"Classifier": models.Classifier}
with lesson.expect_warning("the compiled metrics have yet to be built"):
    loaded_model = keras.models.load_model(h5_file, custom_objects=classes)
lesson.note("这个警告可以忽略：指标的变量要到第一个批次（batch）才创建。")
lesson.check_equal("预测结果与保存前相同", loaded_model(x_test), model(x_test))

# 200 个批次（batch），每批 32 张图像
x_few = x_train[:6400]
y_few = y_train[:6400]
with lesson.expect_error(ValueError, "Unknown variable"):
    loaded_model.fit(x_few, y_few, shuffle=False, verbose=2)

# 原因：加载器构建优化器时，没有给它任何变量。Adam 只恢复了步数计数器和学习率，
# 移动平均值一个也没有，而且没有任何提示。
found = len(loaded_model.optimizer.variables)
saved = len(model.optimizer.variables)
lesson.check(f"Adam 只恢复了 {found} 个数组，应为 {saved} 个", found == 2)

lesson.step(3, "恢复 Adam 的状态")


# 文件其实是完整的。只要重新编译模型，构建优化器，再把文件里的数组按顺序放回去就行。
def load_h5(path):
    """加载 Keras 3 写的 .h5 文件中的分类器，以便继续训练。"""
    model = keras.models.load_model(path, custom_objects=classes, compile=False)
    model.compile(
        optimizer=keras.optimizers.Adam(),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.optimizer.build(model.trainable_variables)

    with h5py.File(path) as file:
        state = file["optimizer_weights"]
        names = state.attrs["weight_names"]
        for variable, name in zip(model.optimizer.variables, names, strict=True):
            variable.assign(state[name][()])  # [()] 读出整个数组
    return model


sentence = "与从未中断的训练相比，逐位相同"
resumed_model = load_h5(h5_file)
resumed_model.save(folder / "mnist.keras")  # 第 4 步要用
resumed_model.fit(x_few, y_few, shuffle=False, verbose=2)
model.fit(x_few, y_few, shuffle=False, verbose=2)
lesson.check_same_weights(sentence, resumed_model, model)

lesson.step(4, "解决办法：改用 .keras 文件")

converted_model = keras.models.load_model(folder / "mnist.keras")
converted_model.fit(x_few, y_few, shuffle=False, verbose=2)
lesson.check_same_weights(sentence, converted_model, model)

# Keras 3.15 有一个陷阱：模型存过 .h5 之后再存 .keras，文件里就不再写明用的是哪个优化
# 器，加载时会换成 RMSprop。所以请先存 .keras。
model.save(folder / "second.keras")
with lesson.expect_warning("Skipping variable loading for optimizer"):
    second_model = keras.models.load_model(folder / "second.keras")
optimizer = type(second_model.optimizer).__name__
lesson.check(f"加载之后，Adam 变成了 {optimizer}", optimizer == "RMSprop")
