"""第 10 课：不怕崩溃的训练

每个周期（epoch）之后都保存，还不够：`model.save` 会直接覆盖旧文件，
如果这时被强制终止，新旧两个模型就都没了。所以先用别的文件名写，写完再改名：
programs/safe_checkpoint.py 就是这样的回调，每个周期之后保存一次。请先读它。
"""

import argparse
import os
import sys

import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data
import models
from programs.safe_checkpoint import SafeCheckpoint, newest_complete_file

import keras

parser = argparse.ArgumentParser()
parser.add_argument("--train-only", action="store_true", help="只做第 1、2 步")
args = lesson.arguments(__doc__, parser=parser)
(x, y), _ = data.load_mnist(args.samples)
folder = lesson.folder(__file__) / f"{args.samples} images"
folder.mkdir(exist_ok=True)

lesson.step(1, "有存好的就加载，没有就从头开始")

# 校验和正确的最新文件：从 Python 3.12 开始，有些损坏的文件 `load_model` 也能加载，
# 权重是错的，却不报错。
newest_file = newest_complete_file(folder)
if newest_file:
    model = keras.models.load_model(newest_file)
    done = int(newest_file.stem.removeprefix("epoch-"))
else:
    keras.utils.set_random_seed(1)
    model = models.build_and_compile()
    done = 0
lesson.note(f"已训练 {done} 个周期（epoch），共 6 个。")

lesson.step(2, "训练")

lesson.note(
    f"可以随时终止它（Ctrl-C、kill -9 {os.getpid()} 或任务管理器），再重新启动。"
)
# 它先存成 unfinished.keras，等它真正写到磁盘上，再改名。所以始终有一个完整的文件：
# 新文件改好名字之前，旧文件一直都在。
safe = SafeCheckpoint(folder)

# 不打乱顺序：打乱顺序时怎么办，有 Dropout 之类的层时怎么办，见第 9 课。
model.fit(
    x, y, initial_epoch=done, epochs=6, callbacks=[safe], shuffle=False, verbose=2
)
# 训练已经完成。删掉它的检查点（checkpoint），下一次训练就会从头开始。
model.save(folder / "finished.keras")
for path in folder.glob("epoch-*.keras"):
    path.unlink()
if args.train_only:
    sys.exit()

lesson.step(3, "强制终止一个正在做第 1、2 步的进程")

training = lesson.start(__file__, "--train-only", "--samples", str(args.samples))
for line in training.stdout:
    print("   |", line, end="")
    if line.startswith("Epoch 4/"):
        training.kill()  # 与 `kill -9` 一样：不留收尾的时间

lesson.step(4, "再弄坏最新的文件，然后重新启动")

newest_complete_file(folder).write_bytes(b"garbage")
training = lesson.start(__file__, "--train-only", "--samples", str(args.samples))
for line in training.stdout:
    print("   |", line, end="")
killed_model = keras.models.load_model(folder / "finished.keras")
lesson.check_same_weights("与从未被终止的训练相比，逐位相同", killed_model, model)

# 多次强制终止，有时正在保存：python -m experiments.kills
