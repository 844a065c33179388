"""Arrays and frames of every kind, then what everything.py says of them: arrays.py FOLDER-OF-NUMPY FOLDER-OF-EVERYTHING"""
import os
import sys

sys.path[:0] = sys.argv[1:]
import everything  # noqa: E402
import numpy  # noqa: E402
import pandas  # noqa: E402

NUMBERS = ("bool_ int8 uint8 int16 uint16 float16 int32 uint32 float32 int64 uint64 float64 longlong ulonglong complex64 longdouble "
           "complex128 clongdouble").split()
DATA = numpy.arange(100000)
OBJECTS = numpy.array([[1, "a", None], [["list"], {2: 3}, ("t", ["x"])]], dtype=object)
RECORDS = numpy.array([(1, ["in a record"]), (2, {})], dtype=[("number", "i8"), ("object", "O")])
SMALL = {  # of 1000 each; by the narrowest that holds the same
    "int8": numpy.arange(1000) % 100,
    "uint8": numpy.arange(1000) % 200,
    "int16": -numpy.arange(1000, dtype="i4"),
    "uint16": numpy.arange(1000, dtype="u4") + 60000,
    "int32": numpy.arange(1000) * -100000,
    "uint32": numpy.arange(1000) + 4000000000,
    "float32": numpy.arange(1000) / 4,
    "int8 of floats": numpy.arange(1000) % 100 * 1.0,
    "itself": numpy.arange(1000) * 10 ** 10,
    "itself, of tenths": numpy.arange(1000) / 10,
    "itself, swapped": numpy.arange(1000).astype(">i8"),
}
SMALL["int16 of single floats"] = SMALL["int16"].astype("f4")


def arrays():
    return [DATA[5:], DATA.reshape(100, 1000), DATA.reshape(100, 1000).T, numpy.zeros((3, 4, 5)), numpy.array(5), numpy.zeros((0, 3)),
            numpy.zeros(0), OBJECTS[1], OBJECTS.T, numpy.array([[1], "b"], dtype=object)[::-1], numpy.matrix([[1, 2]]), numpy.ma.masked_array([1, 2, 3], [0, 1, 0]),
            numpy.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]), numpy.array(["a", "bc"]), numpy.array([b"a"]),
            numpy.array(["2020-01-01"], dtype="M8[D]"), numpy.frombuffer(b"abcdefgh"), numpy.lib.stride_tricks.as_strided(DATA, (3, 3), (8, 8)),
            numpy.dtype("f8"), numpy.dtype([("a", "i4"), ("o", "O")]), numpy.random.default_rng(1), numpy.random.RandomState(3),
            numpy.nditer(numpy.arange(3)), numpy.arange(3).flat, numpy.broadcast(numpy.arange(3), 1), numpy.vectorize(len), numpy.add, numpy.poly1d([1, 2]),
            [getattr(numpy, name)(3) for name in NUMBERS], numpy.datetime64("2020-01-01"), numpy.timedelta64(3, "s"), numpy.str_("abc"),
            numpy.str_("\u20ac\u20ac"), numpy.bytes_(b"abc"), numpy.void(b"abc")]


def frames():
    frame = pandas.DataFrame({"a": range(1000), "b": [float(i) for i in range(1000)], "c": [str(i) for i in range(1000)],
                              "d": [i * 1000 for i in range(1000)], "e": pandas.Categorical(["x", "y"] * 500),
                              "t": pandas.date_range("2020-01-01", periods=1000)})
    frame.index.get_loc(5)
    return [frame, frame["a"], frame[["a", "d"]], frame.groupby("e"), frame.groupby("e").sum(numeric_only=True), frame.head(), frame.describe(),
            frame.rolling(3), frame["c"].str, frame["t"].dt, pandas.Series([1, 2, 3], index=["a", "b", "c"]), pandas.Index(["a", "b"]),
            pandas.MultiIndex.from_product([[1, 2], ["a", "b"]]), pandas.Timestamp("2020-01-01", tz="UTC"), pandas.Timedelta("1s"),
            pandas.Period("2020-01"), pandas.Interval(0, 1), pandas.NaT, pandas.NA, pandas.array([1, None]),
            pandas.date_range("2020", periods=3, tz="UTC"), pandas.interval_range(0, 3)]


kept = [arrays(), frames()]
everything.stop(os.path.dirname(os.path.abspath(__file__)))
