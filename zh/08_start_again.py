"""第 8 课，第二部分：再次启动

时间长的训练往往不止启动一次。回调函数（callback）不知道上一次启动时的情况：
ModelCheckpoint 会覆盖最好的文件，CSVLogger 会清空它的表格。
"""

import shutil

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data
import models

import keras

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)
best_file = folder / "best.keras"

lesson.step(1, "第一次启动")

# 图像少，学习率大：`val_loss`（没见过的图像的损失）先下降，后回升。
x_few, y_few = x_train[:2000], y_train[:2000]
unseen = (x_test, y_test)
keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.optimizer.learning_rate = 0.01
best = keras.callbacks.ModelCheckpoint(best_file, save_best_only=True)
model.fit(x_few, y_few, epochs=5, validation_data=unseen, callbacks=[best], verbose=2)

first_loss = best.best  # 目前最小的 `val_loss`
shutil.copy(best_file, folder / "copy.keras")  # 第 3 步要用

lesson.step(2, "错误：第二次启动覆盖了最好的文件")

# 对新的回调来说，第一个周期（epoch）不论多差，都是目前最好的。
model = keras.models.load_model(best_file)
best = keras.callbacks.ModelCheckpoint(best_file, save_best_only=True)
model.fit(x_few, y_few, validation_data=unseen, callbacks=[best], verbose=2)
second_loss = best.best
sentence = f"没有任何提示，val_loss 就从 {first_loss:.4f} 变成了 {second_loss:.4f}"
lesson.check(sentence, second_loss > first_loss, enough_data=args.full)

lesson.step(3, "告诉回调，已有的文件有多好")

shutil.copy(folder / "copy.keras", best_file)
model = keras.models.load_model(best_file)
file_loss, _ = model.evaluate(x_test, y_test, verbose=0)
best = keras.callbacks.ModelCheckpoint(
    best_file, save_best_only=True, initial_value_threshold=file_loss
)

model.fit(x_few, y_few, validation_data=unseen, callbacks=[best], verbose=2)
best_model = keras.models.load_model(best_file)
kept_loss, _ = best_model.evaluate(x_test, y_test, verbose=0)
sentence = f"best.keras 的 val_loss 仍是 {kept_loss:.4f}"
lesson.check(sentence, kept_loss == file_loss, enough_data=args.full)

lesson.step(4, "所有周期的表格")

# 训练开始时，CSVLogger 会清空它的文件，除非设置 `append=True`。`initial_epoch`
# 让周期的编号接着往下数。
log_file = folder / "log.csv"
log = keras.callbacks.CSVLogger(log_file)
model.fit(x_few, y_few, epochs=2, callbacks=[log], verbose=0)
log = keras.callbacks.CSVLogger(log_file, append=True)
model.fit(x_few, y_few, initial_epoch=2, epochs=3, callbacks=[log], verbose=0)
epochs = [line.split(",")[0] for line in log_file.read_text().splitlines()]
lesson.check(f"它的第一列：{epochs}", epochs == ["epoch", "0", "1", "2"])

lesson.step(5, "BackupAndRestore，以及没有写明输入形状的模型")

# 这样的模型在第一个批次（batch）之前没有权重。
backup = keras.callbacks.BackupAndRestore(folder / "backup")
late_model = keras.Sequential([keras.layers.Dense(10)])
late_model.compile(optimizer="adam", loss=model.loss)

with lesson.expect_error(ValueError, "must be built before you call `fit()`"):
    late_model.fit(x_few, y_few, callbacks=[backup])
late_model.build((None, 784))  # 或者在模型开头写 keras.Input((784,))
late_model.fit(x_few, y_few, callbacks=[backup], verbose=2)

lesson.step(6, "每 20 个批次保存一次，只留三个文件")


# 一个周期（epoch）可能要几个小时。优化器数着批次，文件里也有这个数。
# （如果设了 `steps_per_execution=125`，Keras 每 125 个批次才调用它一次。）
class EveryTwentyBatches(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        step = int(self.model.optimizer.iterations)
        if step % 20 == 0:
            self.model.save(folder / f"step-{step:06}.keras")
            for file in sorted(folder.glob("step-*.keras"))[:-3]:
                file.unlink()


late_model.fit(x_few, y_few, epochs=2, callbacks=[EveryTwentyBatches()], verbose=2)
names = [file.name for file in sorted(folder.glob("step-*.keras"))]
newest = names[-1:] == ["step-000180.keras"]
lesson.check(f"三个文件：{', '.join(names)}", newest, enough_data=args.full)
