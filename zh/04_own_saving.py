"""第 4 课，第三部分：权重以外的内容

一个层里除了权重，还可能有别的内容：计数器、单词列表。只要层说明怎样保存，
它们也会写进文件：数字用两个方法，文件用两个方法，都由 Keras 调用。
"""

from pathlib import Path

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data

import keras

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)


# 这个层没有权重。它记着每个类别的名称，还记着模型训练了几个周期（epoch），
# 也就是下一次 `fit` 的 `initial_epoch`。
@keras.saving.register_keras_serializable(package="lesson4")
class Labels(keras.layers.Layer):
    epochs = 0
    words = ()

    def call(self, inputs):
        return inputs

    # `store` 就像一个装数组的字典。如果层有权重，也要在这里存入和赋值：
    # 里面有权重以外的内容时，`super()` 加载时会报错。
    def save_own_variables(self, store):
        store["epochs"] = self.epochs

    def load_own_variables(self, store):
        self.epochs = int(store["epochs"][()])

    # `path` 是一个文件夹。层写到里面的内容，会成为文件的一部分。
    def save_assets(self, path):
        Path(path, "words.txt").write_text(" ".join(self.words), encoding="utf-8")

    def load_assets(self, path):
        self.words = Path(path, "words.txt").read_text(encoding="utf-8").split()


lesson.step(1, ".keras 文件两样都保留")

labels = Labels(name="labels")
hidden = keras.layers.Dense(2, activation="softmax")
model = keras.Sequential([keras.Input((784,)), hidden, labels])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
model.fit(x_train, y_train % 2, shuffle=False, verbose=2)  # 偶数还是奇数？
labels.epochs, labels.words = 1, ["even", "odd"]

model.save(folder / "labels.keras")
loaded_model = keras.models.load_model(folder / "labels.keras")
loaded = loaded_model.get_layer("labels")
lesson.check(f"周期数：{loaded.epochs}", loaded.epochs == labels.epochs)
lesson.check(f"单词：{loaded.words}", loaded.words == labels.words)
lesson.show(folder / "labels.keras")

lesson.step(2, ".weights.h5 文件只保留数字，而且没有任何提示")

model.save_weights(folder / "labels.weights.h5")
labels.epochs, labels.words = 0, []
model.load_weights(folder / "labels.weights.h5")
lesson.check(f"周期数：{labels.epochs}，单词：{labels.words}", not labels.words)
lesson.note("检查点、.h5、SavedModel、LiteRT 和 get_weights 两样都不保留。")

lesson.step(3, "Keras 按什么顺序调用这些方法")

calls = []


@keras.saving.register_keras_serializable(package="lesson4")
class Watched(Labels):
    # 继承来的这个方法会调用 `build`，由它创建权重。如果 `build` 需要的不只是形状，
    # 例如还要单词的个数，请在 `get_build_config` 里返回。
    def build_from_config(self, config):
        calls.append("build_from_config")

    def load_own_variables(self, store):
        calls.append("load_own_variables")

    def load_assets(self, path):
        calls.append("load_assets")


@keras.saving.register_keras_serializable(package="lesson4")
class WatchedModel(keras.Sequential):
    # 如果您的模型的 `compile` 有自己的参数，请在 `get_compile_config` 里返回它们，
    # 再在这里用它们调用 `compile`。
    def compile_from_config(self, config):
        calls.append("compile_from_config")


model = WatchedModel([keras.Input((784,)), Watched()])
model.compile(loss="mean_squared_error")
model.save(folder / "watched.keras")
keras.models.load_model(folder / "watched.keras")
lesson.check(f"load_model 依次调用 {', '.join(calls)}", calls[-1] == "load_assets")
