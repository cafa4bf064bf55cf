"""Python runs this file when it starts: JAX is installed for lesson 16 alone.

TensorFlow imports it if it can, which takes a tenth of its start.
"""

import sys

sys.modules["jax"] = None
