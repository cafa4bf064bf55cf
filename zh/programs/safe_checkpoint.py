"""无论训练何时被强制终止，都会留下一个完整文件的回调。

第 10 课使用它。请把这个文件复制到您的程序旁边，不需要别的文件。
"""

import os
import sys
import zipfile

import keras


class SafeCheckpoint(keras.callbacks.Callback):
    """每个周期之后保存：epoch-0001.keras、epoch-0002.keras ……，保留最后两个。

    参数：
        folder：pathlib.Path，文件写到哪里。
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def on_epoch_end(self, epoch, logs=None):
        unfinished = self.folder / "unfinished.keras"
        self.model.save(unfinished)
        # 等文件真正写入磁盘：防断电需要这一步，防强制终止不需要。
        with open(unfinished, "rb+") as file:
            os.fsync(file.fileno())
        # 要么全部完成，要么什么也不变。（在 Windows 上，如果杀毒软件正在读这个文件，
        # 就会报错。）
        os.replace(unfinished, self.folder / f"epoch-{epoch + 1:04}.keras")
        # 留着前一个文件，以防这一个损坏；更早的就删掉。
        (self.folder / f"epoch-{epoch - 1:04}.keras").unlink(missing_ok=True)


def newest_complete_file(folder):
    """返回最新的完好文件的路径；一个也没有时返回 None。

    参数：
        folder：pathlib.Path，SafeCheckpoint 所用的文件夹。

    异常：
        SystemExit：有文件，但全部损坏。
    """
    paths = sorted(folder.glob("epoch-*.keras"), reverse=True)
    for path in paths:
        # 从 Python 3.12 起，有些损坏的文件 `load_model` 也会加载，但权重是错的。
        try:
            if zipfile.ZipFile(path).testzip() is None:
                return path
        except (zipfile.BadZipFile, RuntimeError, ValueError, EOFError):
            pass  # 文件的目录部分损坏时，报的可能是其中任何一种错误
        print(f"   {path.name} 已损坏：改用它前面的那个文件。")
    if paths:
        sys.exit(f"{folder} 里的文件都不能用。请删除这些文件，从头开始。")
    return None
