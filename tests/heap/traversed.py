"""Objects of the types in extension.c, in the folder that is given; what the interpreter says of them, as everything.py
writes it, into the file `census` beside this one. Then it arms the wrong traversals, says READY, and answers each line
with the sum of what it holds."""
import gc
import os
import sys

sys.path.insert(0, sys.argv[1])
import extension  # noqa: E402

WRONG = ["Crashes", "Hangs", "VisitsForEver", "CallsTheSystem", "VisitsNoObject", "Recurses", "Refuses"]


class Further(extension.Deep):
    __slots__ = ("more",)


class Open(extension.Many):
    pass


class Items(extension.Listing):
    pass


def deep(kind, n):
    return kind([n], {n: 1}, (n, [n]), [n, "tagged"], "unvisited %d" % n, keep)


keep = []
owner = ["owner"]
for n in range(3000):
    keep.append(deep(extension.Deep, n))
keep += [deep(Further, n) for n in range(100)]
for each in keep[3000:]:
    each.more = ["slot"]
keep += [extension.Many(*[[n] for n in range(count)]) for count in (0, 1, 500)]
keep.append(extension.Many(*([owner] * 200000 + ["a", owner, None])))
keep += [Open(owner, owner), Open()]
keep[-1].attribute = [1]
keep += [extension.Listing([owner, 1, owner]), Items([[2], owner]), Items()]
keep[-2].own(owner)
keep[-3].own(["alone"])
keep[-2].attribute = [1]
keep += [extension.Untraversed([n], "other %d" % n) for n in range(50)]
keep += [getattr(extension, name)([n], "other %d" % n) for name in WRONG for n in range(20)]
keep.append(extension.loose_new)
gc.collect()
gc.disable()
folder = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(folder, "census"), "w") as file:
    for each in keep:
        file.write("%x %x %d %d %s %s\n" % (id(each), id(type(each)), 2 if gc.is_tracked(each) else 255, sys.getsizeof(each),
                                            type(each).__name__, " ".join("%x" % id(o) for o in gc.get_referents(each))))
extension.arm()
print("READY", flush=True)
for line in sys.stdin:
    print(sum(each.plain[0] for each in keep[:3100]) + len(keep), flush=True)
