"""第 13 课，第二部分：一个 SavedModel 里的几个端点

`model.export` 写一个端点（endpoint），模型接受什么，它就接受什么。
如果别的程序发来的是原始图片，就需要另一个端点，里面带有预处理：
用 `ExportArchive` 可以写任意多个端点，它们共用权重。
"""

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data
import models

import keras
import numpy as np
import tensorflow as tf

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "训练一个周期（epoch）")

# 784 个输入，名为 "hidden" 的 Dense(64, relu)，Dense(10)：十个 logits。
keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.fit(x_train, y_train, shuffle=False, verbose=2)

lesson.step(2, "导出，写两个端点")


# 端点是以张量为参数的函数。它的计算会成为文件的一部分。
def digits(pictures):
    x = keras.ops.cast(pictures, "float32") / 255
    x = keras.ops.reshape(x, (-1, 784))
    return keras.ops.argmax(model(x, training=False), axis=1)


def hidden(images):
    return model.get_layer("hidden")(images)


# 输入签名（input signature）是端点接受的数组的形状和 dtype。形状里的 None
# 表示个数不限，这里是图片或图像的张数。
pictures_spec = keras.InputSpec(shape=(None, 28, 28), dtype="uint8")
images_spec = keras.InputSpec(shape=(None, 784), dtype="float32")

archive = keras.export.ExportArchive()
archive.track(model)
archive.add_endpoint("digits", digits, input_signature=[pictures_spec])
archive.add_endpoint("hidden", hidden, input_signature=[images_spec])
archive.write_out(folder / "exported", verbose=False)
lesson.show(folder / "exported")

lesson.step(3, "在没有 Keras 的进程里加载")

# 原始图片，与 PNG 文件里的相同：0 是黑色，255 是白色。
pictures = np.round(x_test * 255).astype("uint8").reshape(-1, 28, 28)
np.save(folder / "pictures.npy", pictures)
np.save(folder / "images.npy", x_test)

program = """
    import sys
    sys.modules["keras"] = None  # as if Keras were not installed
    import numpy as np
    import tensorflow as tf
    loaded = tf.saved_model.load("exported")
    np.save("digits.npy", loaded.digits(np.load("pictures.npy")))
    np.save("hidden.npy", loaded.hidden(np.load("images.npy")))
"""

with lesson.quietly():
    lesson.run("-c", program, directory=folder)

digits_there = np.load(folder / "digits.npy")
expected = model.predict(x_test, verbose=0).argmax(axis=1)
lesson.check_equal("数字与模型预测的相同", digits_there, expected)
hidden_there = np.load(folder / "hidden.npy")
lesson.check_close("最大差值", hidden_there, hidden(x_test))

lesson.step(4, "把一个端点当作 Keras 模型的一层来用")

layer = keras.layers.TFSMLayer(folder / "exported", call_endpoint="hidden")
lesson.check_close("最大差值", layer(x_test), hidden(x_test))

lesson.step(5, "部署用的程序看到什么")

# TensorFlow Serving 之类的程序按名称调用端点，输入也有名称。第一个端点也叫
# serving_default。在终端里，这条命令会详细打印出来：.venv/bin/saved_model_cli
# show --all --dir saved/13_several_endpoints/exported
loaded = tf.saved_model.load(folder / "exported")
for name, signature in loaded.signatures.items():
    inputs = signature.structured_input_signature[1]
    lesson.note(f"{name}: {inputs} -> {signature.structured_outputs}")

# 形状不对会报错。NumPy 数组的数据类型不对却不报错：0.7 变成 0。
with lesson.expect_error(TypeError, "Can not cast"):
    loaded.digits(pictures[:, :14])
digits_of_floats = loaded.digits(x_test.reshape(-1, 28, 28)).numpy()
share = np.mean(digits_of_floats == expected)
lesson.check(f"没有任何提示，只有 {share:.0%} 的数字与模型预测的相同", share < 0.5)
