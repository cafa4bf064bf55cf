"""第 8 课：一边训练，一边保存

视频里等训练结束才保存一次。时间长的训练要一边训练，一边保存：
`fit` 在每个周期（epoch，也叫轮次）之后调用一个回调函数（callback），由它来保存。
TensorFlow 的旧教程里的写法是 `ModelCheckpoint("cp.ckpt", save_weights_only=True)`；
现在对文件名的结尾有要求。
"""

import shutil

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data
import models

import keras

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "每个周期（epoch）存一个文件，最好的另存一个")

# 文件名以 `.keras` 结尾，就保存整个模型，与第 2 课一样。文件名里有 `{epoch}`，
# 每个周期就各存一个文件。“最好”是指 `val_loss` 最小。
every_epoch = keras.callbacks.ModelCheckpoint(folder / "epoch-{epoch}.keras")
best = keras.callbacks.ModelCheckpoint(folder / "best.keras", save_best_only=True)

# 图像少，学习率大：`loss` 一直下降，而 `val_loss`（没见过的图像的损失）会回升。
x_few, y_few = x_train[:2000], y_train[:2000]
unseen = (x_test, y_test)
keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.optimizer.learning_rate = 0.01
settings = {"validation_data": unseen, "verbose": 2}
history = model.fit(x_few, y_few, epochs=8, callbacks=[every_epoch, best], **settings)
last_model = keras.models.load_model(folder / "epoch-8.keras")
lesson.check_equal("epoch-8.keras 就是现在的模型", last_model(x_test), model(x_test))

best_model = keras.models.load_model(folder / "best.keras")
loss, accuracy = best_model.evaluate(x_test, y_test, verbose=0)
smallest = min(history.history["val_loss"])
lesson.check(f"best.keras 的 val_loss 是 {loss:.4f}", abs(loss - smallest) < 0.001)

# 旧教程里的写法：
with lesson.expect_error(ValueError, "must end in `.weights.h5`"):
    keras.callbacks.ModelCheckpoint("cp.ckpt", save_weights_only=True)

lesson.step(2, "不再变好就停止")

# EarlyStopping 可以把最好的权重放回模型，但优化器仍停在最后一个周期：要继续训练，
# 请加载 best.keras。
stop = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.optimizer.learning_rate = 0.01
model.fit(x_few, y_few, epochs=8, callbacks=[stop], **settings)
lesson.check_same_weights("它的权重与 best.keras 的相同", model, best_model)
steps = int(model.optimizer.iterations)
best_steps = int(best_model.optimizer.iterations)
lesson.check(f"但 Adam 的步数是 {steps}，不是 {best_steps}", steps != best_steps)

lesson.step(3, "训练中途停止")


# 在第三个周期主动抛出异常，模拟训练中断。
class StopInThirdEpoch(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 2:  # Keras 从 0 开始数
            raise RuntimeError("在第三个周期中途停止")


# BackupAndRestore 保存权重、Adam 的状态和已完成的周期数。不打乱顺序，
# 两次训练看到的图像顺序就相同，可以互相比较。
shutil.rmtree(folder / "backup", ignore_errors=True)  # 删除上一次运行留下的文件
keras.utils.set_random_seed(2)
model = models.build_and_compile()
backup = keras.callbacks.BackupAndRestore(folder / "backup")
savers = [backup, StopInThirdEpoch()]
with lesson.expect_error(RuntimeError, "在第三个周期中途停止"):
    model.fit(x_train, y_train, epochs=4, shuffle=False, callbacks=savers, verbose=2)

lesson.step(4, "重新启动程序")

# 写法与之前一样：`fit` 会找到已保存的内容，接着训练，结束时再把它删掉。
backup = keras.callbacks.BackupAndRestore(folder / "backup")
restored_model = models.build_and_compile()
settings = {"epochs": 4, "shuffle": False, "verbose": 2}
history = restored_model.fit(x_train, y_train, callbacks=[backup], **settings)
lesson.check("从第三个周期重新开始", history.epoch == [2, 3])

# 同样的训练，从未停过，最后得到的权重也相同：
keras.utils.set_random_seed(2)
model = models.build_and_compile()
model.fit(x_train, y_train, **settings)
lesson.check_same_weights("恢复之后继续训练，逐位相同", restored_model, model)

# 如果打乱顺序，或者用了 Dropout，还要多做一些：见第 9 课。训练正在保存时被强制终止，
# 这些回调有多少次会丢失训练成果：python -m experiments.kills
