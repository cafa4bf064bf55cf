"""提供文件夹里文件的服务器，只供本机的浏览器访问：见第 15 课。"""

import functools
import http.server
import os
import sys


class _PageServer(http.server.ThreadingHTTPServer):
    # 在 Windows 上，如果设成 True，另一个服务器也能占用同一个端口，而且没有任何提示。
    allow_reuse_address = os.name == "posix"


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass  # 每个请求都输出一行的话，本课打印的内容就被淹没了


def page_server(folder, port):
    """返回一个服务器，把一个文件夹里的文件提供给本机的浏览器。

    参数：
        folder：文件夹；可以以后再创建。
        port：127.0.0.1 的端口。

    返回：
        http.server.ThreadingHTTPServer：已占用这个端口；用 `serve_forever` 启动。

    异常：
        SystemExit：端口被占用，或者不允许使用。
    """
    handler = functools.partial(_QuietHandler, directory=folder)
    try:
        return _PageServer(("127.0.0.1", port), handler)
    except OSError as error:
        sys.exit(f"端口 {port} 不能用：{error.strerror}。请换一个：--serve 8001")
