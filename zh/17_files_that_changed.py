"""第 17 课，第二部分：被改动的文件

复制、传送或存放过的文件可能损坏，也可能不是您想要的那一个。有的格式能发现，
有的不能。在文件旁边放一个校验和，对所有格式都管用。
"""

import hashlib
import zipfile

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data
import models

import keras
import numpy as np

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)

lesson.step(1, "损坏的 .keras 文件")

keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.fit(x_train, y_train, shuffle=False, verbose=2)
model.save(folder / "mnist.keras")
model.save_weights(folder / "mnist.weights.h5")

# 在中间附近改动一个字节。
content = bytearray((folder / "mnist.keras").read_bytes())
position = len(content) // 2
content[position] = 255 - content[position]
(folder / "damaged.keras").write_bytes(content)

# `.keras` 文件是一个 zip 压缩包，每个部分都有校验和。`testzip` 重新计算这些校验和，
# 并指出损坏的部分。请在加载之前先用它验证：从 Python 3.12 起，`load_model`
# 只能发现一部分损坏。
with zipfile.ZipFile(folder / "damaged.keras") as archive:
    damaged_part = archive.testzip()
lesson.check(f"损坏的文件：{damaged_part}", damaged_part == "model.weights.h5")
with zipfile.ZipFile(folder / "mnist.keras") as archive:
    damaged_part = archive.testzip()
lesson.check(f"完好的文件：{damaged_part}", damaged_part is None)

lesson.step(2, "损坏的 .weights.h5 文件")

# 每个 float32 权重占四个字节，最后一个字节里是符号和指数的大部分。
# 字节 100,003 是某个权重的最后一个字节，这个权重属于图像中央附近的一个像素。
content = bytearray((folder / "mnist.weights.h5").read_bytes())
content[100_003] = 255 - content[100_003]
(folder / "damaged.weights.h5").write_bytes(content)

# 这种文件没有校验和。加载时不报错，预测的数字却是错的。
damaged_model = models.build()
damaged_model.load_weights(folder / "damaged.weights.h5")
digits = model.predict(x_test, verbose=0).argmax(axis=1)
right = np.sum(digits == y_test)
lesson.note(f"10,000 张测试图像，原来的模型答对 {right:,} 张。")
digits = damaged_model.predict(x_test, verbose=0).argmax(axis=1)
damaged_right = np.sum(digits == y_test)
sentence = f"损坏之后答对 {damaged_right:,} 张"
lesson.check(sentence, damaged_right < right, enough_data=args.full)

lesson.step(3, "在文件旁边放一个校验和")

# 所以保存时就写下校验和：内容一变，校验和就变。
checksum = hashlib.sha256((folder / "mnist.weights.h5").read_bytes()).hexdigest()
(folder / "mnist.weights.h5.sha256").write_text(checksum)
lesson.note(f"SHA-256：{checksum}")

# 加载之前先比对。
found = hashlib.sha256((folder / "damaged.weights.h5").read_bytes()).hexdigest()
lesson.check("损坏的文件，校验和不同", found != checksum)
found = hashlib.sha256((folder / "mnist.weights.h5").read_bytes()).hexdigest()
lesson.check("完好的文件，校验和相同", found == checksum)

# 与文件一起传来的校验和能发现损坏。要防备有人故意改动文件，校验和就得从别的途径得到，
# 例如作者的网页。

# 每种格式 40 份损坏的副本：python -m experiments.damage
