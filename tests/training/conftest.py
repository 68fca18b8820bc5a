import pytest

torch = pytest.importorskip("torch")
# Tiny networks on a busy machine: threads would spend their time waiting for each other.
torch.set_num_threads(1)
