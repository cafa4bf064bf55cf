"""第 7 课：给旧版 Keras 的文件

旧版本的 Keras 可能拒绝加载文件，报错“Unrecognized keyword arguments”。
一条命令就能为它另写一个文件。然后这一课亲手做一遍这条命令所做的事。也可以只要权重：
Keras 3 的每个版本都能加载权重。
"""

import json
import zipfile

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data
import models

import keras

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "一条命令")

keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.fit(x_train, y_train, shuffle=False, verbose=2)
model_file = folder / "mnist.keras"
model.save(model_file)

# 在终端里输入：
# `.venv/bin/python -m modelfile mnist.keras --for 3.12 --convert for-3.12.keras`
#
# 旧版 Keras 算不了的模型，它会拒绝。它从不覆盖已有的文件。
new_file = folder / "for-3.12.keras"
new_file.unlink(missing_ok=True)
old, new = model_file.relative_to(lesson.ROOT), new_file.relative_to(lesson.ROOT)
lesson.run(
    "-m", "modelfile", old, "--for", "3.12", "--convert", new, directory=lesson.ROOT
)
print()

lesson.step(2, "亲手做一遍：看看文件里面")

# `.keras` 文件是一个 zip 压缩包，其中一部分写着它是由哪个版本写的。
with zipfile.ZipFile(model_file) as archive:
    parts = {name: archive.read(name) for name in archive.namelist()}
version = json.loads(parts["metadata.json"])["keras_version"]
lesson.check(f"由 Keras {version} 保存，与这里的版本相同", version == keras.__version__)

# 另一部分写着每一层的参数。新版本写的参数更多，旧版本遇到不认识的就拒绝，
# 哪怕这个参数取该值时对结果毫无影响。
text = parts["config.json"].decode()
count = text.count('"quantization_config": null')
lesson.check(f"quantization_config（3.12 不认识）：{count} 处", count == 2)

lesson.step(3, "亲手做一遍：去掉新增的参数")


# 这些是这个模型里新增的参数，取的值对结果毫无影响。
def without_new_arguments(settings):
    for name in ["quantization_config", "optional", "input_axes", "output_axes"]:
        if not settings.get(name):
            settings.pop(name, None)
    return settings


# `json` 会对每一对花括号里的内容调用这个函数。
config = json.loads(parts["config.json"], object_hook=without_new_arguments)
parts["config.json"] = json.dumps(config)
with zipfile.ZipFile(folder / "by-hand.keras", "w") as archive:
    for name, content in parts.items():
        archive.writestr(name, content)

older_model = keras.models.load_model(folder / "by-hand.keras")
lesson.check_equal("预测结果与保存前相同", older_model(x_test), model(x_test))

lesson.step(4, "只用权重")

# 权重文件里只有数组，没有层的参数。Keras 3.0 到 3.15 写的，都能互相加载，
# Adam 的状态也在。（Nadam 的状态变了。）
model.save_weights(folder / "mnist.weights.h5")
loaded_model = models.build_and_compile()
loaded_model.optimizer.build(loaded_model.trainable_variables)
loaded_model.load_weights(folder / "mnist.weights.h5")

# Keras 2（软件包 tf_keras）拒绝加载 Keras 3 的 `.keras` 和 `.h5` 文件。它只能加载权重：
# 没有 Adam 的状态，子类化模型的权重也不行。

# 这里的三个模型继续训练，结果相同：200 个批次，每批 32 张图像。
model.fit(x_train[:6400], y_train[:6400], shuffle=False, verbose=2)
older_model.fit(x_train[:6400], y_train[:6400], shuffle=False, verbose=2)
loaded_model.fit(x_train[:6400], y_train[:6400], shuffle=False, verbose=2)
lesson.check_same_weights("亲手改的文件：逐位相同", older_model, model)
lesson.check_same_weights("只用权重：逐位相同", loaded_model, model)

# 七个版本加上 Keras 2，每个都加载所有版本的文件：python -m experiments.versions
