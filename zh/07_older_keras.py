"""第 7 课：给旧版 Keras 的文件

旧版本的 Keras 可能拒绝加载文件，报错“Unrecognized keyword arguments”。
一条命令就能为它另写一个：
`.venv/bin/python -m modelfile new.keras --for 3.12 --convert old.keras`。
这一课亲手做一遍它所做的事，再看每个版本都能读的权重文件。
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

lesson.step(1, "这个文件是哪个版本写的？")

keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.fit(x_train, y_train, shuffle=False, verbose=2)
model.save(folder / "mnist.keras")

# `.keras` 文件是一个 zip 压缩包，其中一部分写着它是由哪个版本、在什么时候写的。
with zipfile.ZipFile(folder / "mnist.keras") as archive:
    metadata = json.loads(archive.read("metadata.json"))
lesson.note(f"保存时间：{metadata['date_saved']}")
version = metadata["keras_version"]
lesson.check(f"由 Keras {version} 保存，与这里的版本相同", version == keras.__version__)

lesson.step(2, "每个版本都能读的文件")

# 它里面只有数组，没有关于层的内容，所以没有什么是别的版本不认识的。
# Keras 3.0 到 3.15 写的文件都能互相加载，包括 Adam 的状态。（Nadam 的状态变过。）
model.save_weights(folder / "mnist.weights.h5")
loaded_model = models.build_and_compile()
loaded_model.optimizer.build(loaded_model.trainable_variables)
loaded_model.load_weights(folder / "mnist.weights.h5")
lesson.check_equal("预测结果与保存前相同", loaded_model(x_test), model(x_test))

# Keras 2（软件包 tf_keras）拒绝加载 Keras 3 的 `.keras` 和 `.h5` 文件。它只能加载权重：
# 没有 Adam 的状态，子类化模型的权重也不行。

lesson.step(3, "给旧版本用的 .keras 文件")


# 文件里的 `config.json` 写着每一层的参数。新版本的参数更多，旧版本遇到不认识的就拒绝，
# 哪怕这个参数取该值时对结果毫无影响。
def without_news(part):
    """从 config.json 的一个部分里，去掉 Keras 3.11 到 3.15 新增的内容。"""
    config = part.get("config")
    if not isinstance(config, dict) or "keras." not in str(part.get("module")):
        return part  # 不是层之类的对象，或者是您自己的类
    news = {"quantization_config": None, "optional": False}  # 3.13 起
    news.update({"renorm": False, "renorm_clipping": None, "renorm_momentum": 0.99})
    news.update({"input_axes": None, "output_axes": None})  # 3.15 起
    for name, default in news.items():
        value = config.pop(name, default)
        if value != default:
            raise ValueError(f"旧版 Keras 不认识 {name}={value}。")
    # 函数式模型只有一个输入或输出时，3.10 及更早的版本把它放在列表里。
    for name in ["input_layers", "output_layers"]:
        ends = config.get(name)
        if isinstance(ends, list) and isinstance(ends[0], str):
            config[name] = [ends]
    return part


def write_for_older_keras(file, new_file):
    """把 .keras 文件另写一份，让旧版本的 Keras 3 也能加载。"""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    # `json` 会由内到外，对每一对花括号里的内容调用这个函数。
    config = json.loads(parts["config.json"], object_hook=without_news)
    parts["config.json"] = json.dumps(config)
    with zipfile.ZipFile(new_file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


write_for_older_keras(folder / "mnist.keras", folder / "for-older.keras")
older_model = keras.models.load_model(folder / "for-older.keras")
lesson.check_equal("预测结果与保存前相同", older_model(x_test), model(x_test))

# 它也能继续训练：200 个批次（batch），每批 32 张图像。
model.fit(x_train[:6400], y_train[:6400], shuffle=False, verbose=2)
older_model.fit(x_train[:6400], y_train[:6400], shuffle=False, verbose=2)
lesson.check_same_weights("逐位相同", older_model, model)

# `renorm=True` 是 Keras 3.14 新增的：这样的模型没法给旧版本用，所以不会写出文件。
renorm = keras.layers.BatchNormalization(renorm=True)
keras.Sequential([keras.Input((784,)), renorm]).save(folder / "renorm.keras")
with lesson.expect_error(ValueError, "不认识 renorm=True"):
    write_for_older_keras(folder / "renorm.keras", folder / "not-written.keras")

# 七个版本加上 Keras 2，每个都加载所有版本的文件：python -m experiments.versions
