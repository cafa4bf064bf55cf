"""第 17 课：别人的文件

视频里加载的，都是自己写的文件。别人的文件里可能藏着程序，会在您的电脑上运行。
请只向别人要权重，模型由自己搭建。传送途中损坏的文件，见 17_files_that_changed.py。
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

lesson.step(1, "模型文件里的 Python 代码会被拒绝")

# Lambda 层做什么计算，由一段 Python 代码决定。这段代码就在文件里，
# 它同样可以删除您的文件。所以不管哪种格式，Keras 都拒绝加载。
model = keras.Sequential([keras.Input((784,)), keras.layers.Lambda(lambda x: 2 * x)])
model.save(folder / "lambda.keras")
with lesson.expect_error(ValueError, "arbitrary code execution"):
    keras.models.load_model(folder / "lambda.keras")

with lesson.expect_warning("This file format is considered legacy"):
    model.save(folder / "lambda.h5")
with lesson.expect_error(ValueError, "arbitrary code execution"):
    keras.models.load_model(folder / "lambda.h5")

# 加上 `safe_mode=False`，就会加载并运行它。只能用于您自己写的文件！
own_model = keras.models.load_model(folder / "lambda.keras", safe_mode=False)
lesson.check_equal(
    "自己的文件：输出是输入的两倍", own_model(x_test[:1]), 2 * x_test[:1]
)

lesson.step(2, "SavedModel 里有什么运算，就会执行什么")

# SavedModel 里面是 TensorFlow 的运算，其中有一种能写文件。这个模型把输入原样返回，
# 顺便覆盖了一个文件。
victim = folder / "victim.txt"
victim.write_text("my own text")


class Trap(keras.layers.Layer):
    def call(self, inputs):
        tf.io.write_file(str(victim), "overwritten")
        return inputs


model = keras.Sequential([keras.Input((784,)), Trap()])
model.export(folder / "trap", verbose=False)
loaded_model = tf.saved_model.load(folder / "trap")
text = victim.read_text()
lesson.check(f"加载之后，文件的内容是：{text}", text == "my own text")
loaded_model.serve(x_test[:1])
text = victim.read_text()
lesson.check(f"调用一次之后，文件的内容是：{text}", text == "overwritten")

# 这一个要等到调用才写；有的一加载就写。SavedModel 没有安全模式：来历不明的文件，
# 请在容器等隔离环境里加载。

# `.keras` 文件里可以有一个加载 SavedModel 的层。Keras 同样拒绝加载。
layer = keras.layers.TFSMLayer(str(folder / "trap"), call_endpoint="serve")
keras.Sequential([keras.Input((784,)), layer]).save(folder / "trap.keras")
with lesson.expect_error(ValueError, "loads an external SavedModel"):
    keras.models.load_model(folder / "trap.keras")

lesson.step(3, "只向对方要权重")

# 权重文件里只有数组，模型是您自己的代码：不会运行别人的代码。
keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.fit(x_train, y_train, shuffle=False, verbose=2)
weights_file = folder / "mnist.weights.h5"
model.save_weights(weights_file)
loaded_model = models.build()
loaded_model.load_weights(weights_file)
lesson.check_same_weights("里面只有数组，而且一个不少", loaded_model, model)

# NumPy 数组文件也一样安全。里面可能有 pickle，这是 Python 存储任意对象的方式，
# 其中可以藏着程序；`np.load` 会拒绝它。
np.save(folder / "pickle.npy", np.array([{"any": "object"}]))
with lesson.expect_error(ValueError, "allow_pickle=False"):
    np.load(folder / "pickle.npy")

# 每种格式能运行什么、在什么时候运行，都试过：见 docs/zh/formats.md 里的表格。
