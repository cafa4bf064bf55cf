"""第 9 课：断点续训，结果逐位相同

有三样东西会影响训练，却不在 `.keras` 文件里：Dropout 等层的随机数、数据的顺序，
以及回调函数（callback）记住的内容。
"""

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data

import keras
import numpy as np

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "训练四个周期（epoch），两个之后保存一次")

keras.utils.set_random_seed(1)
dropout = keras.layers.Dropout(0.5)
model = keras.Sequential([keras.Input((784,)), dropout, keras.layers.Dense(10)])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])

# 如果连续两个周期（epoch）损失的降幅都不到 1，这个回调就把学习率调小。
# 所以它要记住最小的损失，还有已经等了几个周期。
plateau = keras.callbacks.ReduceLROnPlateau(monitor="loss", patience=2, min_delta=1)


# `fit` 会打乱顺序，每个进程的顺序都不一样。（调用 `set_random_seed` 之后，
# 每个周期的顺序却都*相同*。）这里的顺序只由周期的编号决定。
class ShuffledBatches(keras.utils.PyDataset):
    def __init__(self, first_epoch):
        super().__init__()
        self.epoch = first_epoch - 1  # `on_epoch_begin` 会加 1
        self.order = np.arange(len(x_train))

    def on_epoch_begin(self):
        self.epoch = self.epoch + 1
        self.order = np.random.default_rng(self.epoch).permutation(len(x_train))

    def __len__(self):
        return int(np.ceil(len(x_train) / 128))

    def __getitem__(self, batch):
        chosen = self.order[128 * batch : 128 * batch + 128]
        return x_train[chosen], y_train[chosen]


class SaveAfterTwoEpochs(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:  # Keras 从 0 开始数
            self.model.save(folder / "model.keras")
            np.save(folder / "dropout.npy", dropout.seed_generator.state)
            np.save(folder / "plateau.npy", [plateau.best, plateau.wait])


callbacks = [plateau, SaveAfterTwoEpochs()]
batches = ShuffledBatches(first_epoch=0)
history = model.fit(batches, epochs=4, shuffle=False, callbacks=callbacks, verbose=2)

lesson.step(2, "只凭 .keras 文件，重新训练第 3、4 个周期")

last_two = {"initial_epoch": 2, "epochs": 4, "verbose": 2}
resumed_model = keras.models.load_model(folder / "model.keras")
resumed_model.fit(x_train, y_train, batch_size=128, callbacks=[plateau], **last_two)
lesson.check_other_weights("随机数不同", resumed_model, model)

lesson.step(3, "加上 Dropout 的状态")

resumed_model = keras.models.load_model(folder / "model.keras")
resumed_model.layers[0].seed_generator.state.assign(np.load(folder / "dropout.npy"))
resumed_model.fit(x_train, y_train, batch_size=128, callbacks=[plateau], **last_two)
lesson.check_other_weights("数据的顺序不同", resumed_model, model)

lesson.step(4, "再加上数据的顺序")

resumed_model = keras.models.load_model(folder / "model.keras")
resumed_model.layers[0].seed_generator.state.assign(np.load(folder / "dropout.npy"))
batches = ShuffledBatches(first_epoch=2)
again = resumed_model.fit(batches, shuffle=False, callbacks=[plateau], **last_two)
lesson.check("第 3 个周期相同", again.history["loss"][0] == history.history["loss"][2])
lesson.check_other_weights("第 4 个周期的学习率不同", resumed_model, model)

lesson.step(5, "再加上回调函数记住的内容")


# `fit` 开始时会重置回调，所以要在那之后恢复它们记住的内容。
class GiveBack(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        plateau.best, plateau.wait = np.load(folder / "plateau.npy")


resumed_model = keras.models.load_model(folder / "model.keras")
resumed_model.layers[0].seed_generator.state.assign(np.load(folder / "dropout.npy"))
batches = ShuffledBatches(first_epoch=2)
resumed_model.fit(batches, shuffle=False, callbacks=[plateau, GiveBack()], **last_two)
lesson.check_same_weights("逐位相同", resumed_model, model)

# resumable.py 能为您自己的训练做好这一切：见 programs/own_training.py。
