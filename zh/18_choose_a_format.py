"""第 18 课：选择哪种格式

视频里有三种保存模型的方式。这里依次列出七种：怎样保存、怎样加载、
预测结果是否与保存前相同。最后是一张表，另加两种格式。
"""

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data
import models
from modelfile import tfjs

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.fit(x_train, y_train, shuffle=False, verbose=2)

# 十张图像，以及训练好的模型对它们的预测结果：每张十个 logits。
x_ten = x_test[:10]
logits = np.array(model(x_ten))

lesson.step(1, ".keras：整个模型，用来继续训练")

model.save(folder / "mnist.keras")
loaded_model = keras.models.load_model(folder / "mnist.keras")
lesson.check_close("logits 的最大差值", loaded_model(x_ten), logits)

lesson.step(2, ".weights.h5：只有权重，模型由程序搭建")

# 先构建优化器，才能加载它的状态：见第 1 课。
model.save_weights(folder / "mnist.weights.h5")
loaded_model = models.build_and_compile()
loaded_model.optimizer.build(loaded_model.trainable_variables)
loaded_model.load_weights(folder / "mnist.weights.h5")
lesson.check_close("logits 的最大差值", loaded_model(x_ten), logits)

lesson.step(3, "检查点：用于自己写的训练循环")

# 除了模型，它还能保存别的对象：优化器、计数器、几个模型。
tf.train.Checkpoint(model=model).write(folder / "checkpoint")
loaded_model = models.build_and_compile()
status = tf.train.Checkpoint(model=loaded_model).read(folder / "checkpoint")
status.assert_existing_objects_matched()  # 不然可能什么也没有加载：见第 5 课
lesson.check_close("logits 的最大差值", loaded_model(x_ten), logits)

lesson.step(4, ".h5：别的程序要求时才用")

# 要继续训练，还得另作处理：见第 3 课。
with lesson.expect_warning("This file format is considered legacy"):
    model.save(folder / "mnist.h5")
loaded_model = keras.models.load_model(folder / "mnist.h5", compile=False)
lesson.check_close("logits 的最大差值", loaded_model(x_ten), logits)

lesson.step(5, "SavedModel：没有您的 Python 代码也能预测")

model.export(folder / "exported", verbose=False)
saved_model = tf.saved_model.load(folder / "exported")
lesson.check_close("logits 的最大差值", saved_model.serve(x_ten), logits)

lesson.step(6, "LiteRT：在手机上预测")

litert_file = folder / "mnist.tflite"
model.export(litert_file, format="litert", verbose=False)
with lesson.quietly():
    interpreter = Interpreter(model_content=litert_file.read_bytes())
    interpreter.allocate_tensors()
outputs = interpreter.get_signature_runner()(keras_tensor=x_ten)
lesson.check_close("logits 的最大差值", outputs["output_0"], logits)

lesson.step(7, "TensorFlow.js：在浏览器里预测")

# 两个文件，model.json 和 weights.bin，由 modelfile.tfjs 写出：见第 15 课。
(folder / "web").mkdir(exist_ok=True)
tfjs.save(model, folder / "web")
loaded_model = tfjs.load(folder / "web" / "model.json")
lesson.check_close("logits 的最大差值", loaded_model(x_ten), logits)

lesson.step(8, "各在什么时候用")

# 文件里可能有程序，会在您的电脑上运行：见第 17 课。ONNX 和 safetensors：见第 16 课。
# 每种格式能恢复哪些内容：见 docs/zh/formats.md。
print("   格式           用途                    含程序    谁能读")
print("   .keras         继续训练                会被拒绝  Keras 3，任何后端")
print("   .weights.h5    您的程序里模型的权重    否        Keras 3")
print("   检查点         自己写的训练循环        否        TensorFlow")
print("   .h5            需要它的程序            会被拒绝  Keras 3")

# 用于其他程序：
print("   SavedModel     服务器                  是        TensorFlow")
print("   LiteRT         手机                    否        LiteRT")
print("   TensorFlow.js  浏览器                  否        TensorFlow.js")
print("   ONNX           其他程序                否        ONNX Runtime、OpenVINO")
print("   safetensors    其他框架                否        PyTorch、JAX、NumPy")
