"""第 4 课，第二部分：由自定义部件组成的模型

视频里的第三种模型是一个类。存成 `.h5` 文件时，它需要 `from_config`，
视频里也是这样说的。最后，一个由自定义类组成的模型会在另一个程序里继续训练；
这些类放在模块 custom.py 里，两个程序都导入它。
"""

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import custom
import data
import models

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

# .h5 文件的加载器只往权重里填数值，不创建权重，所以模型必须已经构建好。
# 而且即使类已注册，也要用 custom_objects 传给它。
model = VideoModel()
model(x_test[:1])  # 这样就创建了权重
with lesson.expect_warning("This file format is considered legacy"):
    model.save(folder / "video.h5")
classes = {"VideoModel": VideoModel, "Classifier": models.Classifier}
with lesson.expect_error(ValueError, "Layer count mismatch"):
    keras.models.load_model(folder / "video.h5", custom_objects=classes)

# models.py 里的 `Classifier` 有 `from_config`，会把模型构建好。
model = models.subclassed()
with lesson.expect_warning("This file format is considered legacy"):
    model.save(folder / "right.h5")
options = {"custom_objects": classes, "compile": False}
loaded_model = keras.models.load_model(folder / "right.h5", **options)
lesson.check_same_weights("写了 from_config 就能加载", loaded_model, model)


# 这个层的参数是另一个层。
class Twice(keras.layers.Layer):
    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer

    def call(self, inputs):
        return self.layer(self.layer(inputs))


lesson.step(2, "错误：有一个参数本身就是层")

inner = keras.layers.Dense(64, activation="relu")
layers = [keras.Input((784,)), keras.layers.Dense(64), Twice(inner)]
with lesson.expect_error(NotImplementedError, "must override `get_config()`"):
    keras.Sequential(layers).save(folder / "twice.keras")

# 在 custom.py 里，`get_config` 调用 `serialize_keras_object`，`from_config`
# 再把那个层重新创建出来。第 4 课第一部分的 Scale、损失函数和指标也在那里。
keras.utils.set_random_seed(1)
model = keras.Sequential()
model.add(keras.Input(shape=(784,)))
model.add(keras.layers.Dense(64))
model.add(custom.Twice(keras.layers.Dense(64, activation="relu")))
model.add(custom.Scale(0.5))
model.add(keras.layers.Dense(10))

lesson.step(3, "在另一个程序里继续训练")

metrics = [custom.Certainty(name="certainty")]
model.compile(optimizer="adam", loss=custom.capped_loss, metrics=metrics)
x_few = x_train[:6400]
y_few = y_train[:6400]
model.fit(x_few, y_few, shuffle=False, verbose=2)
model.save(folder / "custom.keras")

# 导入 custom.py，这些类就注册了，不用再另外说明。
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
