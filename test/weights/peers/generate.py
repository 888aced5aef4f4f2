"""Writes the checkpoints beside this file, as training frameworks save them: tensors with other objects around them.

    python3 -m venv venv && venv/bin/pip install numpy mmengine omegaconf
    venv/bin/python test/weights/peers/generate.py

torch itself is not needed. Its pickles name a few classes and functions, which stand in here under the same names; the other
objects are those of the libraries themselves. The weight is always `w`, [0, 1, 2, 3, 4, 5] as [2, 3].
"""

import argparse
import collections
import importlib.util
import io
import pathlib
import pickle
import struct
import sys
import types
import zipfile

import numpy as np
from omegaconf import OmegaConf

HERE = pathlib.Path(__file__).parent


def module(name, **members):
    """A module of this name that holds these members."""
    parent = name.rpartition(".")[0]
    if parent and parent not in sys.modules:
        module(parent)
    made = sys.modules[name] = types.ModuleType(name)
    for key, member in members.items():
        if callable(member):
            member.__module__ = name
            member.__qualname__ = member.__name__ = key
        setattr(made, key, member)
    return made


def function():
    return lambda *args: None


class Storage:
    def __init__(self, kind, key, count):
        self.kind, self.key, self.count = kind, key, count


module("torch", FloatStorage=type("FloatStorage", (), {}), ComplexFloatStorage=type("ComplexFloatStorage", (), {}),
       QUInt8Storage=type("QUInt8Storage", (), {}), per_tensor_affine=function())
torch = sys.modules["torch"]
utils = module("torch._utils", _rebuild_tensor_v2=function(), _rebuild_sparse_tensor=function(), _rebuild_qtensor=function())
serialization = module("torch.serialization", _get_layout=function())
lightning = module("lightning_fabric.utilities.data", AttributeDict=type("AttributeDict", (dict,), {}))
own = module("my.research", QuantizedTensor=type("QuantizedTensor", (), {}), Config=type("Config", (), {}))


class Call:
    """Pickled as a call of `function` with `args`."""

    def __init__(self, function, *args):
        self.function, self.args = function, args

    def __reduce__(self):
        return (self.function, self.args)


def tensor(storage, shape, strides):
    return Call(utils._rebuild_tensor_v2, storage, 0, shape, strides, False, collections.OrderedDict())


def save(name, make, protocol=2):
    """As torch.save: the pickle of an object, and the storages that it refers to."""
    storages = []

    def storage(values, kind="FloatStorage", code="f", parts=1):
        storages.append(struct.pack(f"<{len(values)}{code}", *values))
        return Storage(getattr(torch, kind), str(len(storages) - 1), len(values) // parts)

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if isinstance(value, Storage):
                return ("storage", value.kind, value.key, "cpu", value.count)

    pickled = io.BytesIO()
    Pickler(pickled, protocol=protocol).dump(make(storage))
    with zipfile.ZipFile(HERE / name, "w", zipfile.ZIP_STORED) as archive:
        def add(entry, data):
            archive.writestr(zipfile.ZipInfo(f"archive/{entry}", (1980, 1, 1, 0, 0, 0)), data)

        add("data.pkl", pickled.getvalue())
        for key, data in enumerate(storages):
            add(f"data/{key}", data)


def weight(storage):
    return tensor(storage([0, 1, 2, 3, 4, 5]), (2, 3), (3, 1))


def history_buffer():
    """mmengine's own class, without the rest of mmengine, which would need torch."""
    found = importlib.util.find_spec("mmengine").submodule_search_locations[0]
    path = pathlib.Path(found) / "logging" / "history_buffer.py"
    spec = importlib.util.spec_from_file_location("mmengine.logging.history_buffer", path)
    made = importlib.util.module_from_spec(spec)
    module("mmengine.logging")
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    return made.HistoryBuffer([1.5, 2.5], [1, 1])


def mmengine(storage):
    return {
        "meta": {"epoch": 3, "cfg": "model = dict()", "dataset_meta": {"classes": ("cat",)}, "path": pathlib.PosixPath("/data")},
        "state_dict": collections.OrderedDict(w=weight(storage)),
        "message_hub": {
            "log_scalars": collections.OrderedDict({"train/loss": history_buffer()}),
            "runtime_info": collections.OrderedDict(seen=np.float64(0.5), best=np.array([1, 2]), count=collections.Counter("abca")),
        },
    }


def lightning_checkpoint(storage):
    hyper = lightning.AttributeDict(lr=1e-3, root=pathlib.PurePosixPath("data"), args=argparse.Namespace(depth=[3, 3]))
    return {
        "epoch": 1,
        "hyper_parameters": hyper,
        "hparams_name": "kwargs",
        "callbacks": {"ModelCheckpoint": {"best_model_score": None, "dirpath": pathlib.PureWindowsPath("C:/runs")}},
        "loops": collections.defaultdict(list, {"fit": [slice(1, 2, 3), range(4), complex(1, 2), frozenset([1])]}),
        "cfg": OmegaConf.create({"model": {"name": "convnextv2", "list": [1, 2]}}),
        "state_dict": collections.OrderedDict(w=weight(storage)),
    }


def odd_tensors(storage):
    """A state dict with tensors that are not read here beside one that is."""
    held = own.QuantizedTensor()
    held.values = weight(storage)
    return collections.OrderedDict(
        w=weight(storage),
        complex=tensor(storage([1, 0, 2, 0], "ComplexFloatStorage", parts=2), (2,), (1,)),
        sparse=Call(utils._rebuild_sparse_tensor, Call(serialization._get_layout, "torch.sparse_coo"), (weight(storage), weight(storage), (2, 3), True)),
        quantized=Call(utils._rebuild_qtensor, storage([1, 2, 3, 4], "QUInt8Storage", "B"), 0, (4,), (1,),
                       (torch.per_tensor_affine, 0.5, 0), False, collections.OrderedDict()),
        expanded=tensor(storage([7]), (1000, 1000, 1000), (0, 0, 0)),
        small=tensor(storage([7]), (4,), (0,)),
        held=held,
    )


save("mmengine.pth", mmengine)
save("lightning.ckpt", lightning_checkpoint)
save("lightning-5.ckpt", lightning_checkpoint, protocol=5)
save("odd-tensors.pth", odd_tensors)
