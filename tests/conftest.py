"""One thread of torch in each process of the tests, which are as many as there are cores; read when torch loads."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
