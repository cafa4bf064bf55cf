"""第 14 课：LiteRT，让同一个模型在手机上运行

视频里说，保存好的模型还能转到 TensorFlow Lite。它现在叫 LiteRT，是一个独立的软件包。
`model.export` 写出一个文件，`Interpreter` 不需要 TensorFlow 就能运行它。
（`tf.lite.Interpreter` 已经弃用。）
"""

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data
import models

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "训练一个周期（epoch）")

keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.fit(x_train, y_train, shuffle=False, verbose=2)

# logits（softmax 之前的输出）是模型对一张图像算出的十个数，最大的就是它的答案。
logits = model.predict(x_test, verbose=0)
accuracy = np.mean(logits.argmax(axis=1) == y_test)
lesson.note(f"Keras：测试图像答对 {accuracy:.2%}。")

lesson.step(2, "导出成一个文件")

# 文件里有模型的计算过程和权重，没有 Keras 的层，也没有优化器状态：与 SavedModel 一样，
# 只用于推理。
litert_file = folder / "mnist.tflite"
model.export(litert_file, format="litert", verbose=False)
lesson.show(litert_file)

lesson.step(3, "运行这个文件")


# 解释器给各个数组编了号：`index` 是一个输入或输出的编号。
def predict(file, images):
    """返回 LiteRT 文件算出的 logits，float32 (n, 10)。"""
    interpreter = Interpreter(model_content=file.read_bytes())
    index = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(index, images.shape)  # 文件里写的是一张图像
    with lesson.quietly():  # LiteRT 会输出一行处理器的信息
        interpreter.allocate_tensors()
    interpreter.set_tensor(index, images)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


litert_logits = predict(litert_file, x_test)
lesson.check_close("logits 的最大差值", litert_logits, logits)

# 换成您自己的模型，请先这样试一试导出的文件，再放心使用。有的模型能导出，
# 解释器却拒绝运行：LSTM 和 GRU（不加 `unroll=True` 时）、混合精度、IntegerLookup、
# TextVectorization。

lesson.step(4, "更小的文件")

# 量化（这里是动态范围量化）把大的权重数组存成 8 位整数，外加缩放系数；
# 其余的仍是 float32。文件能缩小多少，取决于有哪些层。
small_file = folder / "mnist-int8.tflite"
small = [tf.lite.Optimize.DEFAULT]
model.export(small_file, format="litert", optimizations=small, verbose=False)
lesson.show(small_file)
size = small_file.stat().st_size / litert_file.stat().st_size
lesson.check(f"大小是原来的 {size:.0%}", size < 0.3)

# logits 有小的变化；大多数答案不变。
small_logits = predict(small_file, x_test)
difference = np.abs(small_logits - logits).max()
lesson.note(f"logits 的最大差值为 {difference:.1g}。")
small_accuracy = np.mean(small_logits.argmax(axis=1) == y_test)
alike = abs(small_accuracy - accuracy) < 0.005
lesson.check(f"测试图像答对 {small_accuracy:.2%}", alike, enough_data=args.full)
