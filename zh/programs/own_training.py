"""把它和 resumable.py 复制到 datasets 所在的文件夹；可以随时强制终止，再重新启动。"""

import resumable

import keras
import numpy as np

with np.load("datasets/mnist.npz") as mnist:  # 您的数据
    x_train, y_train = mnist["x_train"] / 255, mnist["y_train"]
    x_test, y_test = mnist["x_test"] / 255, mnist["y_test"]

keras.utils.set_random_seed(1)
model = keras.Sequential()  # 您的模型
model.add(keras.Input(shape=(28, 28)))
model.add(keras.layers.Flatten())
model.add(keras.layers.Dense(64, activation="relu"))
model.add(keras.layers.Dropout(0.2))
model.add(keras.layers.Dense(10))
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])

batches = resumable.Batches(x_train, y_train, batch_size=32, seed=7)
folder = "saved/own_training"  # 每次训练用不同的文件夹
resumable.fit(model, batches, folder, epochs=5, verbose=2)
model.evaluate(x_test, y_test, verbose=2)
model.save("saved/own_training.keras")
