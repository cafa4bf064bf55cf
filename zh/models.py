"""视频里的 MNIST 分类器，用 Keras 提供的三种方式搭建。

784 个输入，`Dense(64, relu)`，`Dense(10)`：共 50,890 个参数；换一个隐藏单元数，
就是 `795 * units + 10` 个。输出是十个 logits（softmax 之前的输出），每个数字一个；
损失函数再把它们变成概率。

三个函数按同样的顺序创建各层。所以，只要先调用同样的
`keras.utils.set_random_seed(...)`，它们返回的模型权重就相同。
"""

import keras

PIXELS = 784  # 28 x 28，展平
HIDDEN = 64
CLASSES = 10


def sequential(units=HIDDEN):
    """返回用层的列表搭建的分类器。

    参数：
        units：隐藏层的单元数。

    返回：
        keras.Sequential：已构建，未编译；输入 float32 (n, 784)，
        输出 float32 的 logits (n, 10)。
    """
    return keras.Sequential(
        [
            keras.Input(shape=(PIXELS,)),
            keras.layers.Dense(units, activation="relu", name="hidden"),
            keras.layers.Dense(CLASSES, name="logits"),
        ],
        name="classifier",
    )


def functional(units=HIDDEN):
    """返回从输入到输出连成图的分类器。

    参数：
        units：隐藏层的单元数。

    返回：
        keras.Model：已构建，未编译；输入 float32 (n, 784)，输出 float32 的
        logits (n, 10)。
    """
    inputs = keras.Input(shape=(PIXELS,))
    hidden = keras.layers.Dense(units, activation="relu", name="hidden")(inputs)
    logits = keras.layers.Dense(CLASSES, name="logits")(hidden)
    return keras.Model(inputs, logits, name="classifier")


@keras.saving.register_keras_serializable(package="lessons")
class Classifier(keras.Model):
    """The classifier as a class.

    Its computation is Python code, which is not in a `.keras` or `.h5` file. The
    file has the name under which the class is registered and what `get_config`
    returns; a program that loads it must have the class.

    参数：
        hidden：隐藏层的单元数。
        classes：logits 的个数。
        **kwargs：`name` 等，传给 `keras.Model`。
    """

    def __init__(self, hidden=HIDDEN, classes=CLASSES, **kwargs):
        super().__init__(**kwargs)
        self.hidden = keras.layers.Dense(hidden, activation="relu", name="hidden")
        self.logits = keras.layers.Dense(classes, name="logits")

    def build(self, input_shape):
        # 没有这个方法，`model.build(shape)` 只会警告，不会创建变量；
        # `load_weights` 可能什么也不加载，而且没有任何提示。
        self.hidden.build(input_shape)
        self.logits.build((None, self.hidden.units))
        super().build(input_shape)

    def call(self, inputs):
        return self.logits(self.hidden(inputs))

    def get_config(self):
        return {
            **super().get_config(),
            "hidden": self.hidden.units,
            "classes": self.logits.units,
        }

    @classmethod
    def from_config(cls, config):
        # .h5 的加载器只往已经存在的层里填数值，所以要在这里构建它们。
        model = cls(**config)
        model.build((None, PIXELS))
        return model


def subclassed(units=HIDDEN):
    """返回分类器，`Classifier` 的一个实例。

    参数：
        units：隐藏层的单元数。

    返回：
        Classifier：已构建，未编译；输入 float32 (n, 784)，输出 float32 的 logits
        (n, 10)。
    """
    model = Classifier(units, name="classifier")
    model.build((None, PIXELS))
    return model


BUILDS = {"sequential": sequential, "functional": functional, "subclassed": subclassed}


def build(kind="sequential"):
    """返回一个新的分类器。

    参数：
        kind："sequential"、"functional" 或 "subclassed"。

    返回：
        keras.Model：已构建，未编译。
    """
    return BUILDS[kind]()


def build_and_compile(kind="sequential"):
    """返回一个新的分类器，像视频里那样编译。

    参数：
        kind："sequential"、"functional" 或 "subclassed"。

    返回：
        keras.Model：已构建并编译。
    """
    return compile(build(kind))


def compile(model, steps_per_execution=125):
    """用视频里的损失、优化器和指标编译 `model`。

    参数：
        model：返回 logits 的 Keras 模型，形状为 (n, 10)。
        steps_per_execution：从 Python 调用一次 TensorFlow，就训练这么多批次。
            大于一时，结果逐位相同，用时不到一半。

    返回：
        同一个模型，已编译。
    """
    model.compile(
        # A name: Keras calls the second Adam of a program adam_1, and Orbax goes by names.
        optimizer=keras.optimizers.Adam(name="adam"),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        steps_per_execution=steps_per_execution,
    )
    return model
