"""第 15 课的网页服务器，只供本机的浏览器访问

    python programs/serve.py [PORT]

请先运行 15_tensorflow_js.py：它会写出网页和其中的模型。
"""

import functools
import http.server
import os
import sys
from pathlib import Path

# 上一级文件夹里有 data.py。
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import data

PAGE = data.ROOT / "saved" / "15_tensorflow_js" / "web"


class _PageServer(http.server.ThreadingHTTPServer):
    # 在 Windows 上，如果设成 True，另一个服务器也能占用同一个端口，而且没有任何提示。
    allow_reuse_address = os.name == "posix"


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass  # 每个请求都输出一行的话，网址就被淹没了


def page_server(folder, port):
    """返回一个服务器，把一个文件夹里的文件提供给本机的浏览器。

    参数：
        folder：文件夹。
        port：127.0.0.1 的端口。

    返回：
        http.server.ThreadingHTTPServer：已占用这个端口；用 `serve_forever` 启动。

    异常：
        SystemExit：端口被占用、不允许使用，或者不是有效的端口号。
    """
    handler = functools.partial(_QuietHandler, directory=folder)
    try:
        return _PageServer(("127.0.0.1", int(port)), handler)
    except (OSError, OverflowError, ValueError) as error:
        reason = getattr(error, "strerror", "") or "它不是 65535 以内的数"
        sys.exit(f"端口 {port} 不能用：{reason}。请换一个：serve.py 8001")


if __name__ == "__main__":
    if not (PAGE / "model.json").exists():
        sys.exit("请先运行 15_tensorflow_js.py：这个程序提供的文件由它写出。")
    port = sys.argv[1] if len(sys.argv) > 1 else "8000"
    server = page_server(PAGE, port)
    try:
        address = f"http://127.0.0.1:{port}/"
        print(f"按 Ctrl-C 停止服务器。请用浏览器打开 {address}zh.html", flush=True)
        server.serve_forever()
    except KeyboardInterrupt:
        print("服务器已停止。")
