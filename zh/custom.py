"""自己写的部件，就像真实项目里的那样：一个层、一个包装别的层的层、
一个损失函数和一个指标。

由它们组成的模型，每个要加载它的程序都得导入这个模块。每个部件都注册了一个名字，
例如“lessons>Scale”，文件里存的就是这个名字。
"""

import keras


@keras.saving.register_keras_serializable(package="lessons")
class Scale(keras.layers.Layer):
    """把输入乘以一个数；形状和 dtype 不变。

    参数：
        factor：float。
        **kwargs：`name` 等，传给 `keras.layers.Layer`。
    """

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return self.factor * inputs

    def get_config(self):
        config = super().get_config()
        config["factor"] = self.factor
        return config


@keras.saving.register_keras_serializable(package="lessons")
class Twice(keras.layers.Layer):
    """把另一个层调用两次：它的输出必须与输入形状相同。

    参数：
        layer：keras.layers.Layer。
        **kwargs：`name` 等，传给 `keras.layers.Layer`。
    """

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer

    def call(self, inputs):
        return self.layer(self.layer(inputs))

    def get_config(self):
        # 文件里放不下层本身：要写下重新创建它所需的内容。
        config = super().get_config()
        config["layer"] = keras.saving.serialize_keras_object(self.layer)
        return config

    @classmethod
    def from_config(cls, config):
        config["layer"] = keras.saving.deserialize_keras_object(config["layer"])
        return cls(**config)


@keras.saving.register_keras_serializable(package="lessons")
def capped_loss(labels, logits):
    """返回交叉熵，最多为 5，这样标签错误的样本影响较小。

    参数：
        labels：int (n,)。
        logits：float32 (n, classes)。

    返回：
        float32 (n,)。
    """
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None)
    return keras.ops.minimum(loss(labels, logits), 5.0)


@keras.saving.register_keras_serializable(package="lessons")
class Certainty(keras.metrics.Mean):
    """取预测概率最高的类别，求这些概率的平均值。"""

    def update_state(self, labels, logits, sample_weight=None):
        probabilities = keras.ops.softmax(logits)
        return super().update_state(keras.ops.max(probabilities, axis=-1))
