"""第 4 课：自定义类

对于自己写的类，文件里只有它的*名字*和 `get_config` 返回的内容，没有 Python 代码。
层、损失函数和指标都是如此。视频里自己写的类是一整个模型：见 04_custom_models.py。
"""

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data

import keras

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)


class Scale(keras.layers.Layer):
    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return self.factor * inputs

    def get_config(self):
        return super().get_config()  # 这里有错，见第 2 步


lesson.step(1, "错误：Keras 不认识这个层")

keras.utils.set_random_seed(1)
layers = [keras.Input((784,)), keras.layers.Dense(10), Scale(0.5)]
model = keras.Sequential(layers)
model.save(folder / "layer.keras")
with lesson.expect_error(TypeError, "Could not locate class 'Scale'"):
    keras.models.load_model(folder / "layer.keras")
lesson.note("报错信息的最后几行写着：Could not locate class 'Scale'.")

# 告诉加载器，这个名字对应哪个类：
classes = {"Scale": Scale}
loaded_model = keras.models.load_model(folder / "layer.keras", custom_objects=classes)
lesson.check_same_weights("传入 custom_objects 就能加载", loaded_model, model)

lesson.step(2, "错误：get_config 漏掉一个参数")

# 权重相同，也没有报错。但 `factor` 不在文件里，于是又成了默认值 1.0，
# 所有输出都变成了两倍。
saved = float(model(x_test)[0, 0])
loaded = float(loaded_model(x_test)[0, 0])
lesson.check(f"没有任何提示，{saved:.3f} 就变成了 {loaded:.3f}", loaded == 2 * saved)


# `get_config` 要返回 `__init__` 收到的参数。另外，类注册之后，凭名字就能找到，
# 不再需要 `custom_objects`。
@keras.saving.register_keras_serializable(package="lesson4")
class ScaleWithConfig(Scale):
    def get_config(self):
        config = super().get_config()
        config["factor"] = self.factor
        return config


layers = [keras.Input((784,)), keras.layers.Dense(10), ScaleWithConfig(0.5)]
model = keras.Sequential(layers)
model.save(folder / "config.keras")
loaded_model = keras.models.load_model(folder / "config.keras")
lesson.check_equal("预测结果与保存前相同", loaded_model(x_test), model(x_test))

lesson.step(3, "损失函数和指标也有名字")


def capped_loss(labels, logits):  # 标签错误的样本，损失最多按 5 计
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None)
    return keras.ops.minimum(loss(labels, logits), 5.0)


class Certainty(keras.metrics.Mean):  # 最高概率的平均值
    def update_state(self, labels, logits, sample_weight=None):
        super().update_state(keras.ops.max(keras.ops.softmax(logits), axis=1))


metrics = [Certainty(name="certainty")]
model.compile(optimizer="adam", loss=capped_loss, metrics=metrics)
model.fit(x_train, y_train, shuffle=False, verbose=2)
model.save(folder / "loss.keras")
with lesson.expect_error(TypeError, "Could not locate"):
    keras.models.load_model(folder / "loss.keras")

# 只做预测，损失函数和指标都不需要：
loaded_model = keras.models.load_model(folder / "loss.keras", compile=False)
lesson.check_equal("compile=False：能够预测", loaded_model(x_test), model(x_test))

# 要继续训练，两样都需要，还要有 Adam 的状态：
classes = {"capped_loss": capped_loss, "Certainty": Certainty}
loaded_model = keras.models.load_model(folder / "loss.keras", custom_objects=classes)
loaded_model.fit(x_train, y_train, shuffle=False, verbose=2)
model.fit(x_train, y_train, shuffle=False, verbose=2)
lesson.check_same_weights("逐位相同", loaded_model, model)
