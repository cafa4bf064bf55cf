"""第 5 课，第四部分：加载时被拒绝的文件

视频里的第三种模型（写成类的那种）存下的权重文件，另外两种模型都拒绝加载。
里面的权重没有问题，只是存放的位置不同。用 `KerasFileEditor` 看清它们放在哪里，
再移到该在的地方。
"""

import contextlib
import io
import shutil

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data
import models

import h5py
import keras

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "训练子类化模型，保存它的权重")

keras.utils.set_random_seed(1)
subclassed_model = models.build_and_compile("subclassed")
subclassed_model.fit(x_train, y_train, shuffle=False, verbose=2)
refused_file = folder / "subclassed.weights.h5"
subclassed_model.save_weights(refused_file)

# 先构建优化器，才能加载 Adam 的状态：见第 1 课。
model = models.build_and_compile("sequential")
model.optimizer.build(model.trainable_variables)
with lesson.expect_error(ValueError, "could not be loaded"):
    model.load_weights(refused_file)

lesson.step(2, "拿文件与模型对照")

# Keras 有一个专门的工具。路径要给它 str，不能是 Path。它打印的线条有些屏幕显示不了，
# 所以这里把打印的内容截下来；它的 `summary` 会画出一棵树。
with contextlib.redirect_stdout(io.StringIO()) as printed:
    editor = keras.saving.KerasFileEditor(str(refused_file))
    status = editor.compare(model)["status"]
for line in printed.getvalue().splitlines():
    if "Object" in line:
        lesson.note(line)
lesson.check(f"对照的结果：{status}", status == "error")

lesson.step(3, "移动权重")

# 模型要在 `layers/dense` 下面找的权重，在文件里却放在 `hidden` 下面。
# 这种文件就像一个文件夹，里面的东西可以移动。请先复制一份，在副本上操作。
moved_file = folder / "moved.weights.h5"
shutil.copy(refused_file, moved_file)
with h5py.File(moved_file, "r+") as file:
    file.move("hidden", "layers/dense")
lesson.show(moved_file)

# 用这个工具也能移动：`add_object`、`delete_object`、`save`。但在 Windows 上，
# 它保存的名字里有反斜杠，Keras 找不到。
with contextlib.redirect_stdout(io.StringIO()):
    editor = keras.saving.KerasFileEditor(str(moved_file))
    status = editor.compare(model)["status"]
lesson.check(f"对照的结果：{status}", status == "success")

lesson.step(4, "加载，然后继续训练")

model.load_weights(moved_file)
lesson.check_same_weights("权重都加载好了", model, subclassed_model)

# Adam 的状态也在文件里。
model.fit(x_train, y_train, shuffle=False, verbose=2)
subclassed_model.fit(x_train, y_train, shuffle=False, verbose=2)
lesson.check_same_weights("逐位相同", model, subclassed_model)

# 哪些模型之间会拒绝加载：python -m experiments.pairs
