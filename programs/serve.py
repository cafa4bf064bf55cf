"""Lesson 15: a server of its page, for browsers of this computer

    python programs/serve.py [PORT]

Run 15_tensorflow_js.py first: it writes the page and its model.
"""

import functools
import http.server
import os
import sys
from pathlib import Path

# The folder above has data.py.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import data

PAGE = data.ROOT / "saved" / "15_tensorflow_js" / "web"


class _PageServer(http.server.ThreadingHTTPServer):
    # On Windows, True would let a second server take the same port, silently.
    allow_reuse_address = os.name == "posix"


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass  # a line for each request would bury the address


def page_server(folder, port):
    """Return a server of a folder's files, for browsers of this computer only.

    Args:
        folder: the folder.
        port: the port of 127.0.0.1.

    Returns:
        http.server.ThreadingHTTPServer: it has the port; `serve_forever` starts it.

    Raises:
        SystemExit: the port is taken, must not be used, or is not one.
    """
    handler = functools.partial(_QuietHandler, directory=folder)
    try:
        return _PageServer(("127.0.0.1", int(port)), handler)
    except (OSError, OverflowError, ValueError) as error:
        reason = getattr(error, "strerror", "") or "it is not a number up to 65535"
        sys.exit(
            f"Port {port} cannot be used: {reason}. Take another one: serve.py 8001"
        )


if __name__ == "__main__":
    if not (PAGE / "model.json").exists():
        sys.exit("Run 15_tensorflow_js.py first: it writes what this program serves.")
    port = sys.argv[1] if len(sys.argv) > 1 else "8000"
    server = page_server(PAGE, port)
    try:
        address = f"http://127.0.0.1:{port}/"
        print(f"Open {address} in a browser. Ctrl-C ends the server.", flush=True)
        server.serve_forever()
    except KeyboardInterrupt:
        print("The server has ended.")
