"""第 4 课，第二部分：自己写的模型类

视频里的第三种模型是一个类。存成 `.h5` 文件时，它需要 `from_config`，
视频里也是这样说的。存成 `.keras` 文件时，它的 `build` 要么写对，要么不写。最后，
一个由自己写的类组成的模型会在另一个程序里继续训练。
"""

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import custom
import data

import keras

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)


# 与视频里的一样。
class VideoModel(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense1 = keras.layers.Dense(64, activation="relu")
        self.dense2 = keras.layers.Dense(10)

    def call(self, inputs):
        return self.dense2(self.dense1(inputs))


lesson.step(1, "常见错误：存成 .h5，却没有写 from_config")

model = VideoModel()
model(x_test[:1])  # 第一次调用会创建权重
file = folder / "video.h5"
with lesson.expect_warning("This file format is considered legacy"):
    model.save(file)

# 这种加载器只往权重里填数值，不创建权重。
classes = {"VideoModel": VideoModel}
with lesson.expect_error(ValueError, "Layer count mismatch"):
    keras.models.load_model(file, custom_objects=classes)


# 所以要由 `from_config` 来创建权重。文件不必重新写。
class LoadableModel(VideoModel):
    @classmethod
    def from_config(cls, config):
        model = cls(**config)
        model(keras.ops.zeros((1, 784)))
        return model


classes = {"VideoModel": LoadableModel}
loaded_model = keras.models.load_model(file, custom_objects=classes, compile=False)
lesson.check_same_weights("写了 from_config 就能加载", loaded_model, model)

lesson.step(2, "存成 .keras 文件时的错误：build 什么也没有构建")


class EmptyBuild(VideoModel):
    def build(self, input_shape):  # 许多教程都这样写
        super().build(input_shape)


model = EmptyBuild()
model(x_test[:1])
file = folder / "empty.keras"
model.save(file)

# 加载器调用 `build`，之后找不到权重，却毫无提示。
loaded_model = keras.models.load_model(file, custom_objects={"EmptyBuild": EmptyBuild})
lesson.check("没有任何提示，4 个数组一个也没有加载", loaded_model.weights == [])

# 不写它，加载时会自己构建各层。（也可以像 models.py 那样，在里面逐层构建。）
loaded_model = keras.models.load_model(file, custom_objects={"EmptyBuild": VideoModel})
lesson.check_same_weights("去掉那个 build 就能加载", loaded_model, model)

lesson.step(3, "在另一个程序里继续训练")

keras.utils.set_random_seed(1)
twice = custom.Twice(keras.layers.Dense(784))  # 层里还有一个层：见它的代码
model = keras.Sequential([keras.Input((784,)), twice, keras.layers.Dense(10)])
model.compile(optimizer="adam", loss=custom.capped_loss)
x_few, y_few = x_train[:320], y_train[:320]
model.fit(x_few, y_few, shuffle=False, verbose=2)
model.save(folder / "custom.keras")

# 导入 custom.py，里面的类就注册了，所以不需要 `custom_objects`。
program = f"""
    import lesson, data, custom, keras
    (x, y), _ = data.load_mnist({len(x_few)})
    model = keras.models.load_model("custom.keras")
    model.fit(x, y, shuffle=False, verbose=2)
    model.save("resumed.keras")
"""
lesson.run("-c", program, directory=folder)

model.fit(x_few, y_few, shuffle=False, verbose=2)
resumed_model = keras.models.load_model(folder / "resumed.keras")
lesson.check_same_weights("逐位相同", resumed_model, model)
