"""第 5 课：把权重加载到另一个模型

视频里说：“必须加载到当初保存的那个模型。”但视频用三种方式搭建了同一个分类器，
在它们之间，`.weights.h5` 文件没有这么严格。检查点（checkpoint）更严格：
它什么也不加载，而且不主动检查，就没有任何提示。
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

lesson.step(1, "训练一个序贯模型，保存它的权重")

keras.utils.set_random_seed(1)
sequential_model = models.build_and_compile("sequential")
sequential_model.fit(x_train, y_train, shuffle=False, verbose=2)
sequential_model.save_weights(folder / "sequential.weights.h5")

lesson.step(2, "能互通的组合：加载到函数式模型里")

# 文件里的层按顺序存放，而两个模型的层是一样的。
functional_model = models.build("functional")
functional_model.load_weights(folder / "sequential.weights.h5")
lesson.check_same_weights("权重都加载好了", functional_model, sequential_model)

lesson.step(3, "不能互通的组合：子类化模型的权重")

# 在它的文件里，第一层放在属性名 `hidden` 下面，而另外两种模型要到 `layers` 下面去找。
subclassed_model = models.build("subclassed")
subclassed_model.set_weights(sequential_model.get_weights())
subclassed_model.save_weights(folder / "subclassed.weights.h5")
lesson.show(folder / "subclassed.weights.h5")
with (
    lesson.expect_warning("Skipping nested container"),
    lesson.expect_error(ValueError, "could not be loaded"),
):
    functional_model.load_weights(folder / "subclassed.weights.h5")

# 在内存里，权重就是按顺序排列的一串数组，与名字无关。
functional_model.set_weights(subclassed_model.get_weights())
lesson.check_same_weights("用 set_weights 可以", functional_model, subclassed_model)

lesson.step(4, "检查点（checkpoint）没有加载成功，却毫无提示")

# `tf.train.Checkpoint` 写的，就是视频里 `save_weights("weights/")` 写的那种文件。
# 换一种模型来读，它找不到任何对得上的内容，也不报错。
tf.train.Checkpoint(model=sequential_model).write(folder / "checkpoint")
fresh_model = models.build("functional")
weights_before = fresh_model.get_weights()[0]
status = tf.train.Checkpoint(model=fresh_model).read(folder / "checkpoint")
lesson.check_equal("什么也没有加载", fresh_model.get_weights()[0], weights_before)

# 所以每次都要检查：
with lesson.expect_error(AssertionError, "not bound to checkpointed values"):
    status.assert_existing_objects_matched()

lesson.step(5, "只复制架构，不复制权重")

# 层相同，权重是新的；用 `from_config` 或 `model_from_json` 也是这样。
new_model = keras.models.clone_model(sequential_model)
lesson.check_other_weights("clone_model", new_model, sequential_model)

lesson.step(6, "先核对，再信任")

# 记下保存的模型对几张图像的预测结果，每次加载之后都比较一下。
np.save(folder / "expected.npy", sequential_model.predict(x_test[:10], verbose=0))
expected = np.load(folder / "expected.npy")

# 最大输出的千分之一。（mixed_float16 只有三位有效数字：用 1e-2。）
bound = 1e-3 * np.abs(expected).max()
predictions = functional_model.predict(x_test[:10], verbose=0)
np.testing.assert_allclose(predictions, expected, rtol=0, atol=bound)

# 凡是预测结果有错，这样都能发现，包括第 4 步那种加载时没有任何提示的：
predictions = fresh_model.predict(x_test[:10], verbose=0)
with lesson.expect_error(AssertionError, "Not equal to tolerance"):
    np.testing.assert_allclose(predictions, expected, rtol=0, atol=bound)

# 九种组合：python -m experiments.pairs。42 个模型、9 种方式：python -m experiments.zoo
