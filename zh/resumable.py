"""崩溃之后继续训练，就像从未中断过，逐位相同。

把这个文件复制到您的程序旁边。不用
`model.fit(x, y, batch_size=32, epochs=40, callbacks=[...])`，改写成

    batches = resumable.Batches(x, y, batch_size=32, seed=7)
    history = resumable.fit(model, batches, "saved/run1", epochs=40, callbacks=[...])

程序再次启动后，从最后一个已保存的周期继续训练。有什么不能精确恢复，
会在训练开始前打印出来：“Not exact（不能精确恢复）：...”。（运行时才能发现的，
在保存时打印。）以程序里的设置为准：如果改了学习率或回调函数，会指出改了什么，
并采用新的。

文件夹里的 newest.keras 是普通的 Keras 文件，只是压缩包里多了一个文件 training.json，
里面有随机层的状态、回调函数记住的内容、训练历史，以及用来比较的设置。
（大数组另存在旁边。）previous.keras 是上一个周期。断电可能丢失最新的周期，
那时会用 previous.keras。

“逐位相同”的前提是版本相同、处理器相同；在 GPU 上还要先调用
`tf.config.experimental.enable_op_determinism()`。本模块无法检查：
您自己的代码从 NumPy 或 TensorFlow 的随机数生成器里取的数，
以及保存在全局变量里的内容。
"""

import concurrent.futures
import contextlib
import copy
import errno
import io
import json
import math
import os
import re
import socket
import time
import types
import warnings
import weakref
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from keras.src.random.seed_generator import global_seed_generator

# 每个优化器对应：程序里的学习率，以及回调在这里把它改成了多少。
RATES = weakref.WeakKeyDictionary()
MEMBERS = {"model.weights.h5", "training.json"}
# 不比较：名称，由数据决定的内容，以及写到哪里。
UNCOMPARED = {"name", "module", "registered_name", "build_config", "build_input_shape"}
UNCOMPARED |= {"filepath", "filename", "log_dir", "verbose", "params"}
BOUND = 2**26  # 字节；最多比较数组的这么多内容
USE_FUNCTION = (
    "请写成 resumable.fit(model, data_of_epoch, ...)，其中 data_of_epoch(epoch) 生成"
    "该周期的数据，例如用 shuffle(..., seed=epoch)。"
)
SEEDS = "其中凡是随机的，请给它一个由周期数决定的种子。"


class Batches(keras.utils.PyDataset):
    """把数组分成批次；`resumable.fit` 只按种子打乱它们。

    在别处（`validation_data`、`evaluate`、`predict`）则只过一遍，不打乱。

    参数：
        parts：输入，以及（如果有）目标和样本权重。每个都是数组（NumPy、pandas、
            h5py、列表等），或者数组的字典或列表，第一个轴是样本。
        batch_size：每批的样本数；一遍里的最后一批可以小一些。
        seed：决定每一遍数据的顺序；种子不同，顺序就不同。
        steps_per_epoch：每个周期的批次数；None：一遍有多少批就多少批。
            每个周期结束时保存，所以如果一遍要几个小时，请把周期缩短。
        settings：与 `keras.utils.PyDataset` 相同；`workers=4`
            表示用四个线程读取。

    异常：
        ValueError：各部分的长度不同，或者既不是数也不是文本。
    """

    def __init__(self, *parts, batch_size=32, seed=0, steps_per_epoch=None, **settings):
        super().__init__(**settings)
        self.parts = tuple(as_arrays(part) for part in parts if part is not None)
        lengths = {len(array) for array in keras.tree.flatten(self.parts)}
        if len(lengths) != 1:
            raise ValueError(f"各数组的长度不同：{sorted(lengths)}")
        self.samples = lengths.pop()
        self.batch_size = batch_size
        self.seed = seed
        self.batches_in_pass = math.ceil(self.samples / batch_size)
        self.steps_per_epoch = steps_per_epoch or self.batches_in_pass
        self.last_order = None, None

    def __len__(self) -> int:
        return self.batches_in_pass

    def __getitem__(self, index: int) -> tuple:
        return self._batch(np.arange(self.samples), index, index)

    def shuffled(self, number: int) -> tuple:
        """返回训练用的一批：只取决于种子和批次号。"""
        pass_number, place = divmod(number, self.batches_in_pass)
        known_pass, order = self.last_order
        if known_pass != pass_number:
            generator = np.random.default_rng([self.seed, pass_number])
            order = generator.permutation(self.samples)
            self.last_order = pass_number, order
        return self._batch(order, place, number)

    def _batch(self, order: np.ndarray, place: int, number: int) -> tuple:
        rows = order[place * self.batch_size : (place + 1) * self.batch_size]
        parts = keras.tree.map_structure(lambda array: take(array, rows), self.parts)
        random = np.random.default_rng([self.seed, number, 1])
        return keras.tree.map_structure(text_as_tensor, self.prepare(random, *parts))

    def prepare(self, random: np.random.Generator, *parts: Any) -> tuple:
        """返回用来训练的一批；您自己的子类可以在这里读取文件。

        参数：
            random：用于数据增强；只取决于种子和批次号。
            parts：这一批的各行，每个部分一份。
        """
        return parts


def as_arrays(part: Any) -> Any:
    """把不是数组的（例如列表和 pandas 的列）变成数组。"""
    if isinstance(part, dict):
        return {name: as_arrays(value) for name, value in part.items()}
    if isinstance(part, (list, tuple)) and part and all(map(is_array, part)):
        return tuple(as_arrays(value) for value in part)
    if type(part).__module__.startswith("h5py"):
        return part  # 可能比内存还大
    array = np.asarray(part)
    if array.dtype == object and all(isinstance(text, str) for text in array.flat):
        array = array.astype(str)
    if array.ndim == 0 or array.dtype.kind in "OmM":
        raise ValueError(
            f"既不是数也不是文本，而是 {type(part).__name__} 里的 {array.dtype}：请先"
            f"转成数值的 NumPy 数组。"
        )
    return array


def is_array(value: Any) -> bool:
    return len(getattr(value, "shape", ())) > 0


def take(array: Any, rows: np.ndarray) -> np.ndarray:
    """返回数组的若干行；h5py 要求下标递增。"""
    if isinstance(array, np.ndarray):
        return array[rows]
    places = np.argsort(rows)
    return array[rows[places]][np.argsort(places)]


def text_as_tensor(array: Any) -> Any:
    """文本返回成 TensorFlow 能训练的形式，其他的照原样返回。"""
    if isinstance(array, np.ndarray) and array.dtype.kind in "USO":
        if keras.backend.backend() != "tensorflow":
            raise ValueError("文本只能用于 TensorFlow：请在 `prepare` 里转成数值。")
        return keras.ops.convert_to_tensor(array, dtype="string")
    return array


class Endless(keras.utils.PyDataset):
    """从某个周期起的所有批次，没有尽头：供一次 `fit` 读取。"""

    num_batches = None

    def __init__(self, batch_at: Callable, **settings):
        super().__init__(**settings)
        self.batch_at = batch_at

    def __getitem__(self, index: int) -> Any:
        return self.batch_at(index)


class Epochs:
    """data_of_epoch(first)、data_of_epoch(first + 1) …… 的第 i 批，一个接一个。

    异常：
        ValueError：某个周期的批次数少于 `steps`。
    """

    def __init__(self, data_of_epoch: Callable, first_epoch: int, steps: int):
        self.data_of_epoch = data_of_epoch
        self.first_epoch = first_epoch
        self.steps = steps
        self.expected = None

    def __call__(self, index: int) -> Any:
        epoch, place = divmod(index, self.steps)
        epoch += self.first_epoch
        # Keras 会先看一看前几批，然后从头开始。
        if index != self.expected or place == 0:
            self.iterator = iter(self.data_of_epoch(epoch))
            for _ in range(place):
                next(self.iterator)
        self.expected = index + 1
        for batch in self.iterator:
            return batch
        raise ValueError(
            f"data_of_epoch({epoch}) 只给出 {place} 个批次，而不是 {self.steps} 个：请"
            f"设置 steps_per_epoch=，不超过每个周期至少有的批次数。"
        )


def fit(
    model: keras.Model,
    data: Any,
    folder: str | Path,
    callbacks: Any = None,
    epochs: int = 1,
    **arguments: Any,
) -> keras.callbacks.History:
    """像 `model.fit` 那样训练，每个周期都保存，并从文件夹里已有的内容继续训练。

    参数：
        model：已编译；每次启动程序时都用同样的方式创建。
        data：`Batches`，或者一个函数：`data_of_epoch(epoch)` 返回 tf.data
            流水线、生成器或 PyDataset；对同一个周期（0、1、2 ……）
            每次都给出同样的批次。其他数据也能训练，但会打印“Not exact”。
        folder：每次训练用一个；里面会有 newest.keras、previous.keras 和 lock。
        callbacks：一个、一个列表，或 None。您自己的回调函数里，值是数、文本、
            数组，或由它们组成的列表或字典的属性会被保存。其他的需要两个方法：
            `get_state` 返回由这些值组成的字典，`set_state` 再把它取回。
        epochs：从最开始数起。
        arguments：与 `model.fit` 相同。

    返回：
        所有周期的历史，包括重新启动之前的。如果训练已经结束，就不再训练：
        模型恢复为结束时的样子。

    异常：
        ValueError：文件夹里没有一个完整的文件，或者模型不匹配、没有编译，
            或者某个参数在这里没有意义。
        RuntimeError：另一个进程正在这个文件夹里训练。
        OSError：那里不能保存任何东西。
    """
    check(model, data, arguments)
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    callbacks = keras.tree.flatten([] if callbacks is None else callbacks)
    if not any(isinstance(each, keras.callbacks.History) for each in callbacks):
        callbacks.append(keras.callbacks.History())
    with only_process(Path(folder)):
        path = newest_complete_file(Path(folder))
        about = about_model(model) | {"data": about_data(data, again=path is None)}
        about["fit"] = about_data(
            {name: value for name, value in arguments.items() if name != "verbose"}
        )
        saver = Saver(folder, callbacks, about)
        if path:
            saver.read(path)
        first_epoch = saver.state["epoch"]
        if isinstance(data, Batches) or callable(data):
            steps = steps_of(model, data, arguments)
            arguments |= {"steps_per_epoch": steps, "shuffle": False}
            data = stream(data, saver, steps)
        if path:
            saver.load(path, model, lambda: train_a_batch(model, data, arguments))
            if saver.has_ended(epochs):
                # 这时 `fit` 什么也不做，但回调会做结束时该做的事：
                # EarlyStopping 把最好的权重放回模型。
                epochs = first_epoch
            else:
                print(f"从第 {first_epoch} 个周期之后继续。")
                saver.continue_logs()
        saver.async_safe = is_built(model)  # 否则在第一个批次之后保存
        callbacks = [*saver.callbacks.values(), saver]
        settings = {"initial_epoch": first_epoch, "epochs": epochs, **arguments}
        return model.fit(data, callbacks=callbacks, **settings)


def train_a_batch(model: keras.Model, data: Any, arguments: dict) -> None:
    """创建训练时才会创建的变量；它改动的内容，接下来会被加载的内容覆盖。"""
    settings = {"verbose": 0, "steps_per_epoch": 1}
    for name in "y", "sample_weight", "class_weight", "batch_size", "shuffle":
        if name in arguments:
            settings[name] = arguments[name]
    model.fit(data, **settings)


def check(model: keras.Model, data: Any, arguments: dict) -> None:
    """拒绝在这里没有意义的，指出不能精确恢复的。"""
    if not model.compiled:
        raise ValueError("模型没有编译：请先调用 model.compile(...)。")
    if "initial_epoch" in arguments:
        raise ValueError("请不要写 initial_epoch：文件夹里有它。")
    place = "在 Batches(...) 里" if isinstance(data, Batches) else "在您的函数里"
    if isinstance(data, Batches) or callable(data):
        belong_there = {"y", "sample_weight", "batch_size", "shuffle"}
        if isinstance(data, Batches):
            belong_there.add("steps_per_epoch")
        for name in sorted(belong_there & set(arguments)):
            raise ValueError(f"{name} 请写{place}，不要写在 resumable.fit(...) 里。")
    elif isinstance(data, keras.utils.PyDataset):
        say("重新启动之后，这个 PyDataset 的顺序可能不同。" + USE_FUNCTION)
    elif hasattr(data, "element_spec"):
        say("重新启动之后，流水线又从最初的顺序开始。" + USE_FUNCTION)
    elif hasattr(data, "__next__"):
        say("生成器不能回到原来的位置。" + USE_FUNCTION)
    elif arguments.get("shuffle", True):
        say(
            "每个进程里，`fit` 打乱数组的顺序都不同。请写成 resumable.fit(model,"
            " resumable.Batches(x, y, batch_size=32, seed=7), ...)"
        )
    if keras.backend.backend() == "torch":
        for layer in model._flatten_layers():
            generator = getattr(layer, "seed_generator", None)
            if generator is not None and generator._initial_seed is None:
                say(f"使用 PyTorch 时，{layer.name} 的状态不会保存。请给它一个 seed=。")


def say(text: str) -> None:
    print(f"Not exact（不能精确恢复）：{text}")


def steps_of(model: keras.Model, data: Any, arguments: dict) -> int:
    """返回一个周期的批次数。"""
    if isinstance(data, Batches):
        return data.steps_per_epoch
    epoch = data(0)
    known = getattr(epoch, "num_batches", None)
    if hasattr(epoch, "cardinality"):
        known = int(epoch.cardinality())  # 小于 0：未知，或没有尽头
    steps = arguments.get("steps_per_epoch") or known or -1
    if steps < 0:
        raise ValueError("一个周期有多少批次？请设置 steps_per_epoch=...")
    if steps % model.steps_per_execution:
        raise ValueError(
            f"一个周期有 {steps} 个批次：steps_per_execution 必须能整除它，或者设置"
            f" steps_per_epoch=..."
        )
    return steps


def stream(data: Any, saver: "Saver", steps: int) -> Any:
    """返回供一次 `fit` 读取的内容，从第一个周期到最后一个。"""
    first_epoch, first = saver.state["epoch"], saver.place_in(data)
    if isinstance(data, Batches):
        return Endless(lambda index: data.shuffled(first + index), workers=data.workers)
    endless = Endless(Epochs(data, first_epoch, steps))
    epoch = data(first_epoch)
    if keras.backend.backend() != "tensorflow" or not hasattr(epoch, "element_spec"):
        return endless
    import tensorflow as tf  # noqa: PLC0415  only where the data are made with it

    # 这样，流水线允许的形状，批次都可以有。
    return tf.data.Dataset.from_generator(
        lambda: iter(endless), output_signature=epoch.element_spec
    )


class Saver(keras.callbacks.Callback):
    """排在所有其他回调之后；把它们和模型的最新状态保存下来。"""

    def __init__(self, folder: str | Path, callbacks: list, about: dict):
        super().__init__()
        self.folder = Path(folder)
        self.callbacks = {}
        numbers = Counter()
        for callback in callbacks:
            name = type(callback).__name__
            numbers[name] += 1
            name += f" {numbers[name]}" if numbers[name] > 1 else ""
            self.callbacks[name] = callback
            if isinstance(callback, keras.callbacks.BackupAndRestore):
                raise ValueError("请去掉 BackupAndRestore：它做的事，这里已经做了。")
            if isinstance(callback, keras.callbacks.LambdaCallback):
                say(f"{name} 的函数所记住的内容不会保存。请写成类。")
        about["callbacks"] = {
            name: about_data(
                {
                    key: abs(value) if key == "min_delta" else value
                    for key, value in vars(each).items()
                    if is_kept(key, value) or key == "min_delta"
                }
            )
            for name, each in self.callbacks.items()
        }
        self.about = as_json(about)  # 与下一次启动比较的内容
        self.state = {"epoch": 0, "batches": 0, "batches_in_pass": None}
        self.state |= {"epochs": None, "ended_by": None}
        self.memory = {}
        self.disk = concurrent.futures.ThreadPoolExecutor(1)
        self.synced = self.disk.submit(bool)
        self.said = set()
        self.has_model = True  # 否则文件里只有它的权重
        # 那样，Keras 会在训练继续的同时，在线程里调用 `on_train_batch_end`。
        self.async_safe = True

    def read(self, path: Path) -> None:
        """读取已保存的内容，并指出此后的改动。"""
        with zipfile.ZipFile(path) as archive:
            saved = json.loads(
                archive.read("training.json"),
                object_hook=lambda each: decoded(each, archive),
            )
        self.state, self.memory = saved["state"], saved["memory"]
        before, now = copy.deepcopy([saved["about"], self.about])
        for name in self.callbacks.keys() & self.memory.keys():
            # 它记住的内容不是设置，它后来才有的内容也不是。
            pair = before["callbacks"][name], now["callbacks"][name]
            for key in {*self.memory[name], *(pair[0].keys() ^ pair[1].keys())}:
                for each in pair:
                    each.pop(key, None)
        for text in differences(before, now):
            say(text)
        self.saved = saved

    def load(self, path: Path, model: keras.Model, train_a_batch: Callable) -> None:
        """恢复一切，只差回调记住的内容：那要等到 `on_train_begin`。"""
        saved = self.saved
        make_variables(model, saved, train_a_batch)
        model.built = True  # `load_weights` 会查看它；没有 `call` 的模型永远不算已构建
        known = optimizers_of(model)
        if len(model.weights) != saved["weights"]:
            raise ValueError(
                f"{path} 与这个模型不匹配：保存了 {saved['weights']} 个权重，而模型有"
                f" {len(model.weights)} 个。"
            )
        fresh = {
            name: list(map(np.array, each.variables)) for name, each in known.items()
        }
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                model.load_weights(path)
            except ValueError as error:
                raise ValueError(f"{path} 与这个模型不匹配。{error}") from error
        for each in caught:
            text = str(each.message)
            if not text.startswith("Skipping variable loading"):
                place = each.filename, each.lineno
                warnings.warn_explicit(each.message, each.category, *place)
            elif not any(f"'{one.name}'" in text for one in known.values()):
                say(f"一个优化器重新开始。{text}")
        for name, optimizer in known.items():
            settings = saved["about"].get(name, {}), self.about.get(name, {})
            if settings[0].get("class") == settings[1].get("class"):
                give_optimizer_back(
                    name, optimizer, path, saved["optimizers"], settings
                )
            else:
                say(f"{name} 重新开始。")
                for variable, value in zip(
                    optimizer.variables, fresh[name], strict=True
                ):
                    variable.assign(value)
        states = random_states(model)
        if len(states) != len(saved["random"]):
            say(f"保存了 {len(saved['random'])} 个随机状态，而不是 {len(states)} 个。")
        for variable, value in zip(states, saved["random"], strict=False):
            variable.assign(value)

    def has_ended(self, epochs: int) -> bool:
        """返回是否已经没有可训练的，并说明原因。"""
        epoch, name = self.state["epoch"], self.state["ended_by"]
        if name in self.callbacks:
            waited = self.memory[name].get("wait", 0)
            if getattr(self.callbacks[name], "patience", 0) <= waited:
                print(
                    f"{name} 在第 {epoch} 个周期之后结束了这次训练。要继续，请去掉它，"
                    f"或者把 patience 设得大于 {waited}。"
                )
                return True
            self.memory[name].pop("stopped_epoch", None)
        if epochs <= epoch:
            print(f"这次训练已在第 {epoch} 个周期之后结束。要继续，请增大 `epochs`。")
            return True
        for each in self.callbacks.values():
            if getattr(each, "swap_on_epoch", False) and self.state["epochs"] == epoch:
                say(f"SwapEMAWeights 在第 {epoch} 个周期只留下了平均后的权重。")
        return False

    def continue_logs(self) -> None:
        """让 CSVLogger 接在已保存周期的各行后面写。"""
        done = {str(epoch).encode() for epoch in range(self.state["epoch"])}
        for callback in self.callbacks.values():
            if isinstance(callback, keras.callbacks.CSVLogger):
                callback.append = True
                path = Path(callback.filename)
                lines = path.read_bytes().splitlines(True) if path.exists() else []
                sep = callback.sep.encode()
                while lines[1:] and lines[-1].split(sep)[0] not in done:
                    lines.pop()
                path.write_bytes(b"".join(lines))

    def place_in(self, data: Any) -> int:
        """返回从第几批开始。"""
        in_pass = getattr(data, "batches_in_pass", None)
        if self.state["batches_in_pass"] not in (None, in_pass) and in_pass:
            passes = math.ceil(self.state["batches"] / self.state["batches_in_pass"])
            self.state["batches"] = passes * in_pass  # 从新的一遍开始
        self.state["batches_in_pass"] = in_pass
        return self.state["batches"]

    def on_train_begin(self, logs: dict | None = None) -> None:
        # 不能再早：其他回调刚刚把知道的都忘了。
        self.at_start = {
            name: {key: mark(value) for key, value in vars(each).items()}
            for name, each in self.callbacks.items()
        }
        for name, callback in self.callbacks.items():
            for attribute, value in vars(callback).items():
                if may_be_lost(callback, attribute, value):
                    self.say_lost(f"{name}.{attribute}")
            memory = self.memory.get(name, {})
            if hasattr(callback, "set_state") and memory:
                callback.set_state(memory)
            else:
                vars(callback).update(memory)
        self.tried = False
        if is_built(self.model):
            if self.model.optimizer is not None and not self.model.optimizer.built:
                self.model.optimizer.build(self.model.trainable_variables)
            self.try_to_save()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.batches_seen = []

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.batches_seen.append(batch)  # 各线程的先后顺序不定
        if not self.tried:  # 模型此前没有构建
            self.try_to_save()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        loss = (logs or {}).get("loss", 0.0)
        batches = max(self.batches_seen, default=-1) + 1
        inside = batches < (self.params["steps"] or 0)
        if self.model.stop_training and (inside or not math.isfinite(loss)):
            # 半个周期无法接着训练，带 NaN 的周期也没有用处。
            why = "在中途" if math.isfinite(loss) else f"因损失为 {loss} 而"
            print(
                f"第 {epoch + 1} 个周期{why}停止了，没有保存：下次启动会从第"
                f" {self.state['epoch']} 个周期之后继续。"
            )
            return
        self.state["epoch"] = epoch + 1
        self.state["batches"] += batches
        self.state["epochs"] = self.params["epochs"]
        self.state["ended_by"] = None
        for name, callback in self.callbacks.items():
            if self.model.stop_training and getattr(callback, "stopped_epoch", 0) > 0:
                self.state["ended_by"] = name
        new, newest = self.folder / "new.keras", self.folder / "newest.keras"
        previous, spare = self.folder / "previous.keras", self.folder / "spare.keras"
        # 先用别的名字：崩溃时就不会损坏原来的文件。
        self.write(new)
        self.synced.result()  # previous.keras 一定会写到磁盘上
        if previous.exists():
            replace(previous, spare)
        if newest.exists():
            replace(newest, previous)
        replace(new, newest)
        if spare.exists():
            replace(spare, new)  # 留给下一次覆盖：比新建文件快
        self.synced = self.disk.submit(sync, newest)  # 训练同时继续

    def on_train_end(self, logs: dict | None = None) -> None:
        self.synced.result()
        (self.folder / "new.keras").unlink(missing_ok=True)

    def try_to_save(self) -> None:
        """先看看模型能不能保存，免得白白训练几个小时。"""
        self.tried = True
        new = self.folder / "new.keras"
        try:
            self.write(new)
        except OSError as error:
            raise OSError(f"在 {self.folder} 里不能保存：{error}") from error
        new.unlink()

    def say_lost(self, attribute: str) -> None:
        if attribute not in self.said:
            self.said.add(attribute)
            say(f"{attribute} 不会保存。请写 get_state 和 set_state。")

    def remembered(self) -> dict:
        """返回每个回调函数记住的内容，并指出其中不保存的。"""
        memory = {}
        for name, callback in self.callbacks.items():
            if hasattr(callback, "get_state"):
                memory[name] = callback.get_state()
                if not is_kept("", memory[name]):
                    raise TypeError(
                        f"{name}.get_state 必须返回一个字典：键是文本，值是数、文本、数"
                        f"组、列表，或这样的字典。"
                    )
                continue
            before, memory[name] = self.at_start[name], {}
            for key, value in vars(callback).items():
                if not has_changed(callback, key, value, before):
                    continue
                if is_kept(key, value):
                    memory[name][key] = value
                else:
                    self.say_lost(f"{name}.{key}")
        return memory

    def write(self, path: Path) -> None:
        """写下模型，以及 Keras 文件里没有的内容。"""
        for name in set(lost_variables(self.model)) - self.said:
            self.said.add(name)
            say(f"{name} 不是 Keras 的变量，所以没有保存。请用 add_weight。")
        for name, optimizer in optimizers_of(self.model).items():
            of_program = learning_rate(self.about.get(name, {}))
            RATES[optimizer] = of_program, learning_rate(optimizer.get_config())
        saved = {"about": self.about, "state": self.state}
        saved["memory"] = self.remembered()
        saved["weights"] = len(self.model.weights)
        saved["random"] = random_states(self.model)
        saved["optimizers"] = {
            name: [variable.name for variable in optimizer.variables]
            for name, optimizer in optimizers_of(self.model).items()
        }
        arrays = {}
        text = json.dumps(saved, default=lambda each: encoded(each, arrays))
        if self.has_model:
            try:
                self.model.save(path)
            except OSError:
                raise
            except Exception as error:  # 例如没有 `get_config` 的模型
                self.has_model = False
                print(f"{path.parent} 里只保存权重，不保存模型。{error}")
        if not self.has_model:
            weights = path.with_name("new.weights.h5")
            self.model.save_weights(weights)
            with zipfile.ZipFile(path, "w") as archive:
                archive.write(weights, "model.weights.h5")
            weights.unlink()
        with zipfile.ZipFile(path, "a") as archive:
            for name, array in arrays.items():
                with archive.open(name, "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array)
            archive.writestr("training.json", text)


# 回调函数记住的内容：训练开始以来改变过的每个属性。


def is_kept(name: str, value: Any) -> bool:
    """返回一个属性是否能写下来，并且可以恢复。"""
    # EarlyStopping 会改变 min_delta 的符号，恢复后会再改一次。
    if name in ("params", "min_delta", "monitor_op", "_model"):
        return False
    if isinstance(value, dict):
        return all(type(key) is str and is_kept("", value[key]) for key in value)
    if isinstance(value, list):
        return all(is_kept("", each) for each in value)
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype != object
    return value is None or type(value) in (bool, int, float, str)


def may_be_lost(callback: Any, name: str, value: Any) -> bool:
    """返回一个属性是否是可能改变、又不保存的对象。"""
    constant = tuple, set, dict, list, frozenset, bytes, type, Path, np.ufunc
    constant += types.FunctionType, types.MethodType, types.BuiltinFunctionType
    return not (
        is_of_keras(callback)
        or hasattr(callback, "get_state")
        or name in ("params", "_model")
        or is_kept("", value)
        or isinstance(value, (*constant, types.ModuleType))
    )


def mark(value: Any) -> tuple:
    """返回一个随值而变的标记。"""
    if is_kept("", value):
        return type(value), json.dumps(value, default=checksum)
    return type(value), repr(value)


def has_changed(callback: Any, name: str, value: Any, before: dict) -> bool:
    """返回一个属性是否与原来不同，而且有影响。"""
    if may_be_lost(callback, name, value):
        return name not in before  # （其余的已经指出过了）
    plain = type(value) in (tuple, set, dict, list) and not is_of_keras(callback)
    if not is_kept(name, value) and not plain:
        return False
    # EarlyStopping 的最佳权重原来是 None；不需要它们的校验和。
    kind = before.get(name, (None,))[0]
    return kind is not type(value) or before[name] != mark(value)


def is_of_keras(callback: keras.callbacks.Callback) -> bool:
    return type(callback).__module__.startswith("keras.")


# 与下一次启动比较的内容


def about_model(model: keras.Model) -> dict:
    """返回模型、优化器和损失的设置。"""
    about = {"Keras": keras.__version__, "backend": keras.backend.backend()}
    layers = [layer for layer in model._flatten_layers(include_self=False)]
    try:
        about["model"] = model.get_config()
    except Exception:
        about["model"] = {}
    if "layers" not in about["model"]:  # 您自己的类
        about["model"]["layers"] = [about_layer(layer) for layer in layers]
    with contextlib.suppress(Exception):
        about["compile"] = model.get_compile_config() or {}
        del about["compile"]["optimizer"]
    for name, optimizer in optimizers_of(model).items():
        config = optimizer.get_config()
        of_program, left = RATES.get(optimizer, (None, None))
        if of_program is not None and learning_rate(config) == left:
            with_rate(config)["learning_rate"] = of_program
        about[name] = {"class": type(optimizer).__name__, **config}
    return about


def about_layer(layer: keras.layers.Layer) -> dict:
    try:
        return {"class_name": type(layer).__name__, "config": layer.get_config()}
    except Exception:  # 它没有 `get_config`
        return {"class_name": type(layer).__name__, "config": {}}


def about_data(data: Any, again: bool = False) -> Any:
    """返回区分不同数据的标记：设置、形状、校验和。"""
    if isinstance(data, Batches):
        names = "batch_size", "seed", "steps_per_epoch"
        about = {name: getattr(data, name) for name in names}
        return {"class": type(data).__name__, "parts": about_data(data.parts), **about}
    if callable(data):
        about = about_data(keras.tree.flatten(next(iter(data(0)), None)))
        if again and about != about_data(keras.tree.flatten(next(iter(data(0)), None))):
            say("再次调用 data_of_epoch(0)，得到了不同的批次。" + SEEDS)
        return {"first batch": about}
    if isinstance(data, dict):
        return {str(name): about_data(value) for name, value in data.items()}
    if isinstance(data, (list, tuple)) and len(data) < 100:
        return [about_data(value) for value in data]
    if hasattr(data, "shape") or isinstance(data, (list, tuple)):
        return f"values with shape {np.shape(data)}, checksum {checksum(data)}"
    plain = data is None or isinstance(data, (bool, int, float, str))
    return data if plain else type(data).__name__


def checksum(array: Any) -> int:
    """返回数组的校验和；大数组只取分散在各处的若干行。"""
    array = array if hasattr(array, "nbytes") else np.asarray(array)
    if array.shape and array.nbytes > BOUND:
        array = array[:: math.ceil(array.nbytes / BOUND)]
    array = np.asarray(array)
    if array.dtype == object:
        return zlib.crc32(str(array.tolist()).encode())
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


def as_json(about: dict) -> dict:
    """返回经过 json 之后的设置，去掉 Keras 自己计数的编号。"""
    text = json.dumps(about, default=lambda each: type(each).__name__, skipkeys=True)
    return json.loads(re.sub(r'(?<=\w)_\d+(?="(?!:))', "", text))


def differences(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """每有一项设置改变，就生成一句话。"""
    if isinstance(old, dict) and isinstance(new, dict):
        kinds = [each.get("class_name", each.get("class")) for each in (old, new)]
        if kinds[0] != kinds[1]:  # 其余的也都不同
            yield f"{place} 由 {kinds[0]} 改成了 {kinds[1]}，采用后者。"
            return
        for name in [*old, *(name for name in new if name not in old)]:
            if name in UNCOMPARED:
                continue
            where = place if name == "config" else f"{place}, {name}" if place else name
            if name not in old:
                yield f"{where} 是保存之后新增的。"
            elif name not in new:
                yield f"{where} 在保存之后去掉了。"
            else:
                yield from differences(old[name], new[name], where)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, pair in enumerate(zip(old, new, strict=True)):
            name = ""
            if isinstance(pair[0], dict) and "class_name" in pair[0]:
                name = f" ({pair[0]['class_name']})"
            yield from differences(*pair, f"{place} {number}{name}")
    elif old != new:
        yield f"{place} 由 {brief(old)} 改成了 {brief(new)}，采用后者。"


def brief(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return f"共 {len(value)} 项"
    if isinstance(value, dict):
        return str(value.get("class_name", "其他设置"))
    return str(value)


# 变量


def is_built(model: keras.Model) -> bool:
    return all(layer.built for layer in model._flatten_layers())


def random_states(model: keras.Model) -> list:
    """返回训练中会改变、又不作为权重保存的变量。"""
    weights = {id(weight) for weight in model.weights}
    states = [variable for variable in model.variables if id(variable) not in weights]
    for layer in model._flatten_layers():
        if getattr(layer, "stateful", False):
            states += keras.tree.flatten(getattr(layer, "states", None) or [])
    return [*states, global_seed_generator().state]


def optimizers_of(model: keras.Model) -> dict:
    """返回作为模型属性、或在模型的列表和字典里的优化器。"""

    def found_in(name, value):
        if isinstance(value, keras.optimizers.Optimizer):
            yield name, value
        elif isinstance(value, (list, tuple)):
            for number, each in enumerate(value):
                yield from found_in(f"{name} {number}", each)
        elif isinstance(value, dict):
            for key, each in value.items():
                yield from found_in(f"{name} {key}", each)

    # （TensorFlow 在 "_self_..." 里又保存了同样的一份。）
    names = [name for name in sorted(vars(model)) if not name.startswith("_self_")]
    return dict(each for name in names for each in found_in(name, vars(model)[name]))


def make_variables(model: keras.Model, saved: dict, train_a_batch: Callable) -> None:
    """创建模型或优化器在训练之前还没有的变量。"""

    def are_missing(name, optimizer):
        return len(optimizer.variables) < len(saved["optimizers"].get(name, []))

    if not model.built or len(model.weights) < saved["weights"]:
        train_a_batch()
    optimizer = model.optimizer
    if (
        optimizer is not None
        and not optimizer.built
        and are_missing("optimizer", optimizer)
    ):
        optimizer.build(model.trainable_variables)
    if any(are_missing(*each) for each in optimizers_of(model).items()):
        train_a_batch()


def lost_variables(model: keras.Model) -> Iterator[str]:
    """逐个给出不属于 Keras 的层的变量，它们不在文件里。"""
    for layer in model._flatten_layers():
        for name, value in vars(layer).items():
            is_variable = hasattr(value, "assign") and hasattr(value, "shape")
            if is_variable and not isinstance(value, keras.Variable):
                yield f"{layer.name}.{name}"


def give_optimizer_back(
    name: str, optimizer: Any, path: Path, saved: dict, settings: tuple
) -> None:
    """补上 `load_weights` 没有做的：采用程序里的学习率。"""
    old = saved.get(name, [])
    kept = [number for number, each in enumerate(old) if each != "learning_rate"]
    variables = [each for each in optimizer.variables if each.name != "learning_rate"]
    if len(kept) != len(variables):
        say(f"训练的权重与以前不同：{name} 重新开始。")
    elif len(old) != len(optimizer.variables):  # 加上或去掉了学习率调度
        with (
            zipfile.ZipFile(path) as archive,
            h5py.File(archive.open("model.weights.h5")) as file,
        ):
            for variable, number in zip(variables, kept, strict=True):
                variable.assign(file[f"{name}/vars/{number}"][()])
    before, now = map(learning_rate, settings)
    if before != now and isinstance(now, float):
        optimizer.learning_rate = now


def learning_rate(config: dict) -> Any:
    return with_rate(config).get("learning_rate")


def with_rate(config: dict) -> dict:
    inner = config.get("inner_optimizer")  # 属于 LossScaleOptimizer
    return inner["config"] if inner else config


# 文件


def encoded(value: Any, arrays: dict) -> dict:
    """返回供 json 使用的数组：它的值；如果很大，则是它们所在的位置。"""
    array = np.asarray(value)
    about = {"dtype": array.dtype.name, "shape": array.shape}
    if array.dtype.kind in "US" or array.size < 100:
        return {**about, "values": array.ravel().tolist()}
    about["member"] = f"training/{len(arrays)}.npy"
    arrays[about["member"]] = array
    return about


def decoded(value: dict, archive: zipfile.ZipFile) -> Any:
    """返回 `encoded` 所描述的数组；其他字典照原样返回。"""
    if "member" in value and "dtype" in value:
        array = np.load(io.BytesIO(archive.read(value["member"])))
        # np.load 不认识 bfloat16 等类型。
        return array.view(value["dtype"]) if array.dtype.kind == "V" else array
    if "values" in value and "dtype" in value:
        text = value["dtype"].startswith(("str", "bytes"))
        array = np.array(value["values"], None if text else value["dtype"])
        return array.reshape(value["shape"])[()]
    return value


def sync(path: Path) -> None:
    """等到文件和文件名都写到磁盘上：以防断电。"""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def newest_complete_file(folder: Path) -> Path | None:
    """返回 newest.keras；必要时先用 previous.keras 代替它。

    如果两个都不在，返回 None；如果有的全都损坏，抛出 ValueError。
    """
    newest = folder / "newest.keras"
    previous = folder / "previous.keras"
    if is_complete(newest):
        return newest
    if is_complete(previous):
        print(f"{newest} 损坏或不在：使用上一个周期的文件。")
        replace(previous, newest)
        return newest
    if newest.exists() or previous.exists():
        raise ValueError(f"{folder} 里的文件全都损坏；请删除它们，从头开始。")
    return None


def is_complete(path: Path) -> bool:
    """返回文件是否存在、成员齐全，而且都没有损坏。

    （没有人读的字节，例如各成员的日期，可能改变过。）
    """
    # `load_weights` 发现不了：从 Python 3.12 起，Keras 在一个成员里来回跳着读时，
    # zipfile 就不核对校验和。`testzip` 会把每个成员从头读到尾。
    if not path.exists():
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None and set(archive.namelist()) >= MEMBERS
    except OSError as error:
        if error.errno == errno.EINVAL:  # 文件里不可能有的位置
            return False
        raise  # 没有损坏：另一个程序打开了它，或者磁盘不在了
    except MemoryError:
        raise
    except Exception:  # 损坏的文件会报出各种错误
        return False


def replace(source: Path, target: Path) -> None:
    """给文件改名；在 Windows 上，如果杀毒软件或 OneDrive 占用着它，就等上一秒。"""
    for _ in range(20):
        try:
            os.replace(source, target)
            return
        except PermissionError:
            time.sleep(0.05)
    os.replace(source, target)


@contextlib.contextmanager
def only_process(folder: Path) -> Iterator[None]:
    """创建文件夹并加锁，直到训练结束或它的进程结束。"""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "a+", encoding="utf-8") as file:
        try:
            if os.name == "nt":
                import msvcrt  # noqa: PLC0415

                file.seek(2**20)  # 在文本之后，别人可以读取文本
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl  # noqa: PLC0415

                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            file.seek(0)
            raise RuntimeError(
                f"{file.read() or 'Another process'} 正在 {folder} 里训练：请停止它，"
                f"或者换一个文件夹。"
            ) from error
        except OSError as error:
            print(f"{folder} 不能加锁（{error}）：同一时间请只在那里运行一个训练。")
        file.truncate(0)
        file.write(f"Process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield
