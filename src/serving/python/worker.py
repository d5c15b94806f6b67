"""Runs one model for slipway: reads requests out of shared memory, writes answers into it.

Started by the server as `python worker.py FOLDER`; it needs what the model brings, and numpy. File descriptor 3 is a socket for wake-ups,
4 and 5 are memory for requests and answers. The layout is described in wire.h; everything is little-endian.
"""
import json
import mmap
import os
import signal
import socket
import sys
import traceback

DTYPES = ["bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "bytes"]
NUMBERS, TEXTS, TENSOR, TENSOR_TEXTS, ABSENT = range(5)  # how a request holds an input
FLOATS, DOUBLES, INTEGERS, STRINGS = range(4)  # how an answer holds an output
OK, FAILED, LOADED = range(3)
INVALID, INTERNAL, MEMORY = range(3)
COLUMN_TYPES = {"double": "float64", "float": "float32", "long": "int64", "integer": "int32", "boolean": "bool"}


class Invalid(Exception):
    """The request's fault."""


class Memory:
    """A memory file that both sides may let grow."""

    def __init__(self, fd):
        self.fd = fd
        self.size = 0

    def view(self, size):
        if size > self.size:
            have = os.fstat(self.fd).st_size
            if have < size:
                have = max(size, 2 * have)
                os.ftruncate(self.fd, have)
            self.map = mmap.mmap(self.fd, have)
            self.size = have
        return self.map


def last_line(error):
    return traceback.format_exception_only(type(error), error)[-1].strip()


# ---- requests


def texts_at(memory, offset, count):
    """`count` texts, None where one is missing: ends, then a byte each whether it is there, then the bytes."""
    ends = np.frombuffer(memory, "<u8", count, offset).tolist()
    there = memory[offset + 8 * count : offset + 9 * count]
    base = offset + 9 * count
    out, start = np.empty(count, dtype=object), 0
    for i, end in enumerate(ends):
        out[i] = memory[base + start : base + end].decode() if there[i] else None
        start = end
    return out


def read_request(memory, specs):
    """Rows, params and a value per input: an array of what was sent, numbers of columns as doubles."""
    head = np.frombuffer(memory, "<u8", 4).tolist()
    rows, params_at, params_bytes, words = head
    words = np.frombuffer(memory, "<i8", words, 32).tolist()
    params = json.loads(memory[params_at : params_at + params_bytes]) if params_bytes else None
    values, at = [], 0
    for _ in specs:
        kind, dtype, offset, dims = words[at : at + 4]
        shape = words[at + 4 : at + 4 + dims]
        at += 4 + dims
        count = 1
        for size in shape:
            count *= size
        if kind == ABSENT:
            values.append(None)
        elif kind == NUMBERS:
            values.append(np.frombuffer(memory, "<f8", rows, offset))
        elif kind == TEXTS:
            values.append(texts_at(memory, offset, rows))
        elif kind == TENSOR:
            values.append(np.frombuffer(memory, DTYPES[dtype], count, offset).reshape(shape).copy())
        else:
            values.append(texts_at(memory, offset, count).reshape(shape))
    return rows, params, values


def column(spec, name, sent):
    """An input as the signature has it."""
    kind = spec["type"]
    if sent is None:
        return None
    if kind == "tensor":
        return sent if sent.dtype == object else sent.astype(spec["tensor-spec"]["dtype"], copy=False)
    if kind in COLUMN_TYPES:
        if kind in ("double", "float"):
            return sent.astype(COLUMN_TYPES[kind])
        missing = np.isnan(sent)
        if missing.any():
            if spec.get("required", True):
                raise Invalid(f"input {name} must not be missing: its type is {kind}")
            out = sent.astype(object)
            out[missing] = None
            return out
        out = sent.astype(COLUMN_TYPES[kind])
        if kind != "boolean" and not (out == sent).all():
            raise Invalid(f"input {name} must be whole numbers that fit: its type is {kind}")
        return out
    if kind == "datetime":
        try:
            return np.array([None if text is None else text.replace("Z", "") for text in sent], dtype="datetime64[ns]")
        except ValueError as error:
            raise Invalid(f"input {name} must be times like 2024-01-31T12:00:00: {error}")
    if kind == "binary":
        import base64
        import binascii

        try:
            return np.array([None if text is None else base64.b64decode(text, validate=True) for text in sent], dtype=object)
        except binascii.Error as error:
            raise Invalid(f"input {name} must be base64: {error}")
    return sent


# ---- answers


def as_array(value, what):
    for method in ("detach", "cpu", "numpy"):  # torch's, tensorflow's
        if not isinstance(value, np.ndarray) and hasattr(value, method):
            value = getattr(value, method)()
    if hasattr(value, "toarray"):
        value = value.toarray()
    try:
        array = np.asarray(value)
    except ValueError:
        raise TypeError(f"{what} has rows of different shapes")
    if array.dtype == object and array.size and all(isinstance(each, (list, tuple, np.ndarray)) for each in array.flat):
        try:
            array = np.array([np.asarray(each) for each in array.flat]).reshape(array.shape + np.shape(array.flat[0]))
        except ValueError:
            raise TypeError(f"{what} has rows of different shapes")
    return array


def named_outputs(result, names, rows):
    """(name, array) for each output, in the declared order where the names are known."""
    if hasattr(result, "columns") and hasattr(result, "iloc"):
        outputs = [(str(name), as_array(result.iloc[:, i].to_numpy(), name)) for i, name in enumerate(result.columns)]
    elif isinstance(result, dict):
        outputs = [(str(name), as_array(value, name)) for name, value in result.items()]
    elif isinstance(result, (list, tuple)) and result and all(isinstance(each, dict) for each in result):
        keys = list(dict.fromkeys(key for each in result for key in each))
        outputs = [(str(key), as_array([each.get(key) for each in result], key)) for key in keys]
    else:
        if rows == 1 and isinstance(result, (str, bytes, int, float, bool, np.generic)):
            result = [result]
        if hasattr(result, "to_numpy"):
            result = result.to_numpy()
        outputs = [(names[0] if len(names) == 1 else "predict", as_array(result, "the answer"))]
    if len(outputs) == 1 and len(names) == 1:
        outputs = [(names[0], outputs[0][1])]
    by_name = dict(outputs)
    if set(by_name) == set(names):
        outputs = [(name, by_name[name]) for name in names]
    if not outputs:
        raise TypeError("the model gave nothing")
    for name, array in outputs:
        if array.ndim == 0 or len(array) != rows:
            got = len(array) if array.ndim else "a single value"
            raise TypeError(f"the model gave {got} rows for {rows}: output={name}")
    return outputs


def as_text(value):
    if value is None:
        return b""
    if isinstance(value, bytes):
        import base64

        return base64.b64encode(value)
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, default=str).encode()
    return str(value).encode("utf-8", "replace")


def is_number(value):
    return value is None or isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, (bool, np.bool_))


def encode_output(array):
    """(data type, how it is held, bytes)."""
    kind = array.dtype.kind
    if kind == "O" and array.size:
        flat = array.ravel()
        if all(isinstance(each, (bool, np.bool_)) for each in flat):
            array = array.astype(bool)
        elif all(is_number(each) for each in flat):
            array = array.astype(float)
        kind = array.dtype.kind
    if kind == "b":
        return DTYPES.index("bool"), INTEGERS, array.astype("<i8").tobytes()
    if kind in "iu":
        return DTYPES.index(array.dtype.name), INTEGERS, array.astype("<i8").tobytes()
    if kind == "f":
        if array.dtype.itemsize <= 4:
            return DTYPES.index(array.dtype.name), FLOATS, array.astype("<f4").tobytes()
        return DTYPES.index("float64"), DOUBLES, array.astype("<f8").tobytes()
    if kind == "M":
        array = np.datetime_as_string(array)
    elif kind not in "OUS":
        raise TypeError(f"the model gave values of a type that has no place in an answer: {array.dtype}")
    texts = [as_text(each) for each in array.ravel().tolist()]
    ends = np.cumsum([len(text) for text in texts], dtype="<u8")
    return DTYPES.index("bytes"), STRINGS, ends.tobytes() + b"".join(texts)


def encode_answer(outputs):
    encoded = [(name.encode(), array.shape, *encode_output(array)) for name, array in outputs]
    words = 2 + sum(7 + len(shape) for _, shape, *_ in encoded)
    head, parts, at = [OK, len(encoded)], [], 8 * words
    for name, shape, dtype, held, data in encoded:
        name_at = at + len(data) + -len(data) % 8
        head += [dtype, held, at, len(data), name_at, len(name), len(shape), *shape]
        parts += [data, bytes(-len(data) % 8), name, bytes(-len(name) % 8)]
        at = name_at + len(name) + -len(name) % 8
    return b"".join([np.array(head, dtype="<u8").tobytes(), *parts])


def encode_words(status, code, text):
    text = text.encode("utf-8", "replace")
    return b"".join(word.to_bytes(8, "little") for word in (status, code, 32, len(text))) + text


# ---- models


class MlflowModel:
    """A folder that MLflow's client wrote, run through its python_function flavor."""

    def __init__(self, folder):
        import mlflow.pyfunc

        self.model = mlflow.pyfunc.load_model(folder)
        signature = self.model.metadata.signature
        if signature is None or signature.inputs is None:
            raise TypeError("the model has no signature")
        self.inputs = signature.inputs.to_dict()
        self.outputs = signature.outputs.to_dict() if signature.outputs is not None else []
        self.params = {spec["name"] for spec in signature.params.to_dict()} if signature.params is not None else set()
        self.is_frame = not signature.inputs.is_tensor_spec()
        self.has_names = all("name" in spec for spec in self.inputs)
        if self.is_frame:
            global pd
            import pandas as pd

    def predict(self, values, params):
        if self.is_frame:
            names = [spec["name"] if self.has_names else i for i, spec in enumerate(self.inputs)]
            data = pd.DataFrame(dict(zip(names, values)), copy=False)
        elif self.has_names:
            data = {spec["name"]: value for spec, value in zip(self.inputs, values)}
        else:
            data = values[0]
        known = {name: value for name, value in (params or {}).items() if name in self.params}
        try:
            return self.model.predict(data, params=known) if known else self.model.predict(data)
        except Exception as error:
            if type(error).__name__ == "MlflowException" and getattr(error, "error_code", "") in ("BAD_REQUEST", "INVALID_PARAMETER_VALUE"):
                raise Invalid(str(error))
            raise


class PlainModel:
    """model.py with a class Model: `inputs` says what predict(inputs, params) reads; load(folder), if it is there, comes first."""

    def __init__(self, folder):
        import importlib.util

        sys.path.insert(0, folder)
        spec = importlib.util.spec_from_file_location("model", os.path.join(folder, "model.py"))
        module = importlib.util.module_from_spec(spec)
        sys.modules["model"] = module
        spec.loader.exec_module(module)
        self.model = module.Model()
        if hasattr(self.model, "load"):
            self.model.load(folder)
        self.inputs = self.specs(self.model.inputs)
        self.outputs = self.specs(getattr(self.model, "outputs", {}))

    @staticmethod
    def specs(declared):
        """{"age": "double", "image": ("float32", [28, 28])} as MLflow writes it."""
        return [
            {"name": name, "type": kind}
            if isinstance(kind, str)
            else {"name": name, "type": "tensor", "tensor-spec": {"dtype": kind[0], "shape": [-1, *kind[1]]}}
            for name, kind in declared.items()
        ]

    def predict(self, values, params):
        return self.model.predict({spec["name"]: value for spec, value in zip(self.inputs, values)}, params or {})


# ---- the worker


def load(folder):
    global np
    import numpy as np

    if os.path.exists(os.path.join(folder, "MLmodel")):
        return MlflowModel(folder)
    return PlainModel(folder)


def answer(model, names, memory):
    try:
        rows, params, values = read_request(memory, model.inputs)
        values = [column(spec, spec.get("name", i), value) for i, (spec, value) in enumerate(zip(model.inputs, values))]
        return encode_answer(named_outputs(model.predict(values, params), names, rows))
    except Invalid as error:
        return encode_words(FAILED, INVALID, str(error))
    except MemoryError as error:
        return encode_words(FAILED, MEMORY, last_line(error))
    except BaseException as error:
        traceback.print_exc()
        sys.stderr.flush()
        return encode_words(FAILED, INTERNAL, last_line(error))


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's; the server ends us
    wake, requests, answers = socket.socket(fileno=3), Memory(4), Memory(5)

    def send(text):
        answers.view(len(text))[: len(text)] = text
        wake.send(len(text).to_bytes(8, "little"))

    try:
        model = load(sys.argv[1])
    except BaseException as error:
        traceback.print_exc()
        sys.stderr.flush()
        send(encode_words(FAILED, INTERNAL, last_line(error)))
        return
    names = [spec.get("name", str(i) if len(model.outputs) > 1 else "predict") for i, spec in enumerate(model.outputs)] or ["predict"]
    send(encode_words(LOADED, 0, json.dumps({"inputs": model.inputs, "outputs": model.outputs})))
    while True:
        message = wake.recv(8)
        if len(message) < 8:
            return  # the server let go
        send(answer(model, names, requests.view(int.from_bytes(message, "little"))))


main()
