"""第 10 课：不怕崩溃的训练

只用一个文件名保存还不够：`model.save` 会直接覆盖旧文件，如果这时被强制终止，
新旧两个模型就都没了。所以先用别的文件名写，写完再改名：programs/safe_checkpoint.py
就是这样的回调，每个周期（epoch）之后保存一次。请先读它。
"""

import shutil

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data
import models
from programs.safe_checkpoint import SafeCheckpoint, newest_complete_file

import keras

args = lesson.arguments(__doc__)
(x, y), _ = data.load_mnist(args.samples)
folder = lesson.folder(__file__)
shutil.rmtree(folder)  # 删除上一次运行留下的文件
folder.mkdir()

lesson.step(1, "回调函数")

# 它先存成 unfinished.keras，等它真正写到磁盘上，再改名。所以始终有一个完整的文件：
# 新文件改好名字之前，旧文件一直都在。
safe = SafeCheckpoint(folder)
keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.fit(x, y, epochs=6, callbacks=[safe], shuffle=False, verbose=2)

names = [file.name for file in sorted(folder.glob("epoch-*.keras"))]
lesson.check(f"最后两个文件：{names}", len(names) == 2)

lesson.step(2, "强制终止一个同样训练的程序")

# 它加载最新的文件（如果有），然后训练。您可以自己启动它，再强制终止它。
program = lesson.HERE / "programs" / "train_safely.py"
samples = str(args.samples)
training = lesson.start(program, "--samples", samples)
for line in training.stdout:
    print("   |", line, end="")
    if line.startswith("Epoch 4/"):
        training.kill()  # 与 `kill -9` 一样：不留收尾的时间

lesson.step(3, "再弄坏最新的文件，然后重新启动")

training_folder = folder / f"{args.samples} images"
newest_complete_file(training_folder).write_bytes(b"garbage")
training = lesson.start(program, "--samples", samples)
for line in training.stdout:
    print("   |", line, end="")
killed_model = keras.models.load_model(training_folder / "finished.keras")
lesson.check_same_weights("与从未被终止的训练相比，逐位相同", killed_model, model)

# 多次强制终止，有时正在保存：python -m experiments.kills
