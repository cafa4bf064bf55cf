"""第 13 课：SavedModel，不用您的程序也能预测

The video calls `model.save("model/")`. That wrote a folder, a SavedModel. Today `save`
writes one `.keras` file, to continue training, and `model.export("exported")` writes
the folder. It is for inference, which means: to predict.
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

# 这里用子类化模型，因为它最难加载。它的计算过程是 Python 代码，即
# `models.Classifier` 类，而 `.keras` 文件里没有这些代码。
keras.utils.set_random_seed(1)
model = models.build_and_compile("subclassed")
model.fit(x_train, y_train, shuffle=False, verbose=2)

lesson.step(2, "导出")

# 视频里的写法：
with lesson.expect_error(ValueError, "Invalid filepath extension for saving"):
    model.save("model/")

# 现在的写法：路径是一个文件夹。（子类化模型必须先调用过一次；`fit` 已经调用过了。）
exported_folder = folder / "exported"
model.export(exported_folder, verbose=False)
lesson.show(exported_folder)

lesson.note("saved_model.pb：计算过程，即由 TensorFlow 的运算组成的图。")
lesson.note("variables/：权重，每个都存了两遍（Keras 的 issue 23553）。")
lesson.note("assets/：模型需要的其他文件；这个模型不需要。")
lesson.note("fingerprint.pb：用来区分各个 SavedModel 的几个数。")

lesson.step(3, "在新的 Python 进程里预测，不用原来的类")

# `serve` is the endpoint: the function of the SavedModel that is there to be called.
# It takes an array of the shape that the model was trained with, and returns ten logits
# an image: the largest is the answer. The process does not import `models`.
np.save(folder / "images.npy", x_test)

program = """
    import lesson  # 它启动 TensorFlow，并隐藏启动信息
    import numpy as np
    import tensorflow as tf
    loaded = tf.saved_model.load("exported")
    np.save("logits.npy", loaded.serve(np.load("images.npy")))
"""
lesson.run("-c", program, directory=folder)

logits = np.load(folder / "logits.npy")
lesson.check_close("largest difference of a logit", logits, model(x_test))

# 像上面那样，把加载得到的对象存到变量里。写成一行，它会过早被释放：
with lesson.expect_error(AssertionError, "variables which have been deleted"):
    tf.saved_model.load(exported_folder).serve(x_test)

lesson.step(4, "当作 Keras 模型的一层来用")

# 这里在它后面接上 `Softmax`，把 logits 变成概率。
saved_layer = keras.layers.TFSMLayer(exported_folder, call_endpoint="serve")
digit_model = keras.Sequential(
    [keras.Input(shape=(784,)), saved_layer, keras.layers.Softmax()]
)
probabilities = digit_model.predict(x_test[:1], verbose=0)[0]
digit = probabilities.argmax()
share = probabilities[digit]
same = digit == logits[0].argmax()
lesson.check(f"第一张测试图像预测为 {digit}，置信度 {share:.0%}", same)

lesson.step(5, "哪些内容不在里面")

# It has no `fit`. Its weights can be trained inside another model, as that of step 4,
# but Dropout and BatchNormalization stay in inference mode.
loaded = tf.saved_model.load(exported_folder)
with lesson.expect_error(AttributeError, "no attribute 'fit'"):
    loaded.fit(x_train, y_train)

# It has no optimizer state. To continue training, save a `.keras` file: lesson 2.
numbers = sum(variable.numpy().size for variable in loaded.variables)
lesson.check(f"{numbers:,} 个数：只有权重", numbers == model.count_params())
