# SPDX-License-Identifier: BSD-2-Clause
"""
An address of the machine's loopback that no other process of these tests has. Its ports below those that are given to
whoever asks for any are free for this one: nobody can take one between a look and its use.
"""
import os

HERE = f"127.{1 + (os.getpid() >> 16) % 254}.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
