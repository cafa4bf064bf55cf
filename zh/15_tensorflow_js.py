"""第 15 课：TensorFlow.js，把同一个模型放进浏览器，再取回来

视频里说，保存好的模型还能转到 TensorFlow.js。官方转换器与现在的 TensorFlow
装在一起无法启动，但它的格式很简单：`modelfile.tfjs` 能写也能读。最后，
您可以在浏览器里写一个数字，还可以教模型认它。
"""

import shutil

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data
import models
from modelfile import tfjs

import keras

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
page = lesson.folder(__file__) / "web"

lesson.step(1, "训练两个周期（epoch）")

keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.fit(x_train, y_train, epochs=2, shuffle=False, verbose=2)

lesson.step(2, "保存成 TensorFlow.js 的格式")

# 存成两个文件：model.json 用 TensorFlow.js 的写法说明有哪些层，weights.bin 里是数值。
# 它们放在网页旁边，由网页来加载。
shutil.copytree(lesson.ROOT / "web", page, dirs_exist_ok=True)
tfjs.save(model, page)
lesson.show(page)

# TensorFlow.js 支持的层更多，但 `tfjs.save` 只写依次堆叠的 Dense 层。
# 不是这样的模型会被拒绝：
dropout_layer = keras.layers.Dropout(0.5, name="dropout")
dropout_model = keras.Sequential([keras.Input(shape=(784,)), dropout_layer])
with lesson.expect_error(ValueError, "Layer 'dropout' is a Dropout"):
    tfjs.save(dropout_model, page)

lesson.step(3, "再用 Keras 加载")

loaded_model = tfjs.load(page / "model.json")
lesson.check_equal("预测结果相同", loaded_model(x_test), model(x_test))

lesson.step(4, "用它继续训练")

# 这两个文件里没有优化器。所以继续训练时，用的是新的 Adam，在这里和在网页里都一样。
# 在网页里，您可以用自己写的数字教模型，再把它保存下来：那个 .json 文件，
# tfjs.load 也能加载。只拿一张图像训练几步，模型就可能忘掉很多学过的内容；
# 再用全部图像训练，就能补回来。
models.compile(loaded_model)
_, before = loaded_model.evaluate(x_test, y_test, verbose=0)
loaded_model.fit(x_train, y_train, shuffle=False, verbose=2)
_, after = loaded_model.evaluate(x_test, y_test, verbose=0)
lesson.note(f"测试图像的准确率：之前 {before:.2%}，之后 {after:.2%}。")
lesson.check("模型又学到了更多", after > before, enough_data=args.full)

lesson.step(5, "在浏览器里写个数字")

lesson.note("想写数字，请启动：.venv/bin/python zh/programs/serve.py")
