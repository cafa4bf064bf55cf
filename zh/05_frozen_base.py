"""第 5 课，第二部分：冻结的基础模型

在别处训练好的层，常常会冻结起来：训练时不再改变。加载之后，您可能也想训练它们。
如果基础模型是序贯模型，就要用一个循环逐层设置。（这里的基础模型是随机的，
第 4 步之前什么也学不到：这一课只讲冻结。）
"""

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data

import keras

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

lesson.step(1, "冻结基础模型，训练分类头，然后保存")

keras.utils.set_random_seed(1)
base = keras.Sequential(name="base")
base.add(keras.Input(shape=(784,)))
base.add(keras.layers.Dense(64, activation="relu"))
base.trainable = False
model = keras.Sequential([keras.Input(shape=(784,)), base, keras.layers.Dense(10)])
model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
model.fit(x_train[:6400], y_train[:6400], shuffle=False, verbose=2)
model.save(folder / "frozen.keras")

lesson.step(2, "加载：基础模型仍然冻结着")

loaded_model = keras.models.load_model(folder / "frozen.keras")
base = loaded_model.get_layer("base")
trained = len(loaded_model.trainable_variables)
lesson.check(f"训练的变量有 {trained} 个，都是分类头的", trained == 2)

lesson.step(3, "解冻基础模型")

# 在搭建基础模型的程序里，这样就够了。加载的模型不行：文件里记着基础模型的每一层都是冻结
# 的，它们会一直冻结着。
base.trainable = True
trained = len(loaded_model.trainable_variables)
lesson.check(f"base.trainable = True：还是 {trained} 个", trained == 2)

# 所以要逐层解冻。
for layer in base.layers:
    layer.trainable = True
trained = len(loaded_model.trainable_variables)
lesson.check(f"基础模型逐层设置：{trained} 个", trained == 4)

lesson.step(4, "重新编译，训练整个模型")

# 加载的优化器只认识分类头的变量，所以要换一个新的。
loaded_model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
kernel_before = base.get_weights()[0]
loaded_model.fit(x_train[:6400], y_train[:6400], shuffle=False, verbose=2)
changed = lesson.largest_difference([kernel_before], [base.get_weights()[0]])
lesson.check(f"基础模型学到了东西：权重最多变了 {changed:.2g}", changed > 0)

# 如果基础模型是函数式模型，`base.trainable = True` 就能解冻它，但里面的序贯模型除外。
# 所以要像上面那样，数一数可训练的变量。
