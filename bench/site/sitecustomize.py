"""Every target trusts the fake WeChat: a bundle as large as any, with one certificate more."""

import os

import certifi

certifi.where = lambda: os.environ["BENCH_BUNDLE"]
