"""第 2 课：保存和加载整个模型

视频里的写法是 `model.save("model/")`。现在，整个模型存成一个文件，
文件名以 `.keras` 结尾。别的程序不需要搭建模型的代码，就能加载它继续训练：
programs/resume.py 就是这样的程序。
"""

import json
import zipfile

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data

import keras
import numpy as np

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "训练两个周期（epoch）")

keras.utils.set_random_seed(1)
model = keras.Sequential()
model.add(keras.Input(shape=(784,)))
model.add(keras.layers.Dense(64, activation="relu"))
model.add(keras.layers.Dense(10))

model.compile(
    optimizer=keras.optimizers.Adam(),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
    steps_per_execution=125,  # 一次调用连做多个批次（batch）：更快，结果不变
)
model.fit(x_train, y_train, epochs=2, shuffle=False, verbose=2)

lesson.step(2, "保存模型")

# 视频里的写法：
with lesson.expect_error(ValueError, "Invalid filepath extension for saving"):
    model.save("model/")

# 现在的写法：
model_file = folder / "mnist.keras"
model.save(model_file)
lesson.show(model_file)

lesson.step(3, "看看文件里有什么")

# 这个文件是一个 zip 压缩包。里面的 config.json 逐层写明模型是什么样的，
# 还写明它是怎样编译的。
with zipfile.ZipFile(model_file) as archive:
    config = json.loads(archive.read("config.json"))
loss = config["compile_config"]["loss"]["class_name"]
optimizer = config["compile_config"]["optimizer"]["class_name"]
lesson.note(f"模型的类：{config['class_name']}")
lesson.check(f"损失函数：{loss}", loss == "SparseCategoricalCrossentropy")
lesson.check(f"优化器：{optimizer}", optimizer == "Adam")

# 里面的 model.weights.h5 就是第 1 课写的那种文件：权重，加上优化器状态。
lesson.note("不在文件里的：Dropout 的随机数、数据的顺序，")
lesson.note("还有回调函数（callback）记住的内容。第 9 课专门讲这些。")

lesson.step(4, "在新进程里继续训练")

# 新进程的预测结果应当与这个进程相同。
np.save(folder / "predictions.npy", model.predict(x_test, verbose=0))
lesson.run("programs/resume.py", f"--samples={args.samples}")

# 新进程已经用 200 个批次训练过，每批 32 张图像。这里的模型从未中断，也照样训练一遍。
x_few = x_train[:6400]
y_few = y_train[:6400]
lesson.note("本进程里从未中断的模型：")
model.fit(x_few, y_few, shuffle=False, verbose=2)
resumed_model = keras.models.load_model(folder / "resumed.keras")
lesson.check_same_weights(
    "在新进程里继续训练的，与从未中断的相比，逐位相同", resumed_model, model
)

lesson.step(5, "没有 Adam 的状态")

# 重新编译会换上一个新的优化器，以前的梯度移动平均值就没有了。模型仍然能学，
# 但训练过程已经不同。
fresh_adam_model = keras.models.load_model(model_file)
fresh_adam_model.compile(
    optimizer=keras.optimizers.Adam(),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
fresh_adam_model.fit(x_few, y_few, shuffle=False, verbose=2)
lesson.check_other_weights("换成全新的 Adam", fresh_adam_model, model)

# 代价有多大，逐个批次画成图：python -m experiments.resume_loss
