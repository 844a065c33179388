"""What else can be asked about a heap, from inside the program: each job imports what it needs and returns the work, which
gets the list of all records, and returns how many objects (or bytes, or links) it found."""
import gc
import sys


def walked():
    """All objects that the collector's references lead to."""
    waiting = gc.get_objects()
    seen = {id(obj): obj for obj in waiting}  # made after that, so as not to be among them
    while waiting:
        below = []
        for found in gc.get_referents(*waiting):
            if id(found) not in seen:
                seen[id(found)] = found
                below.append(found)
        waiting = below
    return seen.values()


def walk():
    return lambda _: len(walked())


def walk_sizes():
    def work(_):
        census, objects = {}, 0
        for obj in walked():
            objects += 1
            row = census.setdefault(type(obj), [0, 0])
            row[0] += 1
            row[1] += sys.getsizeof(obj)
        return objects
    return work


def objgraph_types():
    import objgraph
    return lambda _: sum(number for _, number in objgraph.most_common_types(limit=None, shortnames=False))


def objgraph_chain():
    import objgraph
    return lambda kept: len(objgraph.find_backref_chain(kept[-1], objgraph.is_proper_module))


def pympler_summary():
    from pympler import muppy, summary
    return lambda _: sum(row[1] for row in summary.summarize(muppy.get_objects()))


def pympler_asizeof():
    from pympler import asizeof
    return lambda kept: asizeof.asizeof(kept)


def guppy_heap():
    from guppy import hpy

    def work(_):
        found = hpy().heap()
        str(found)
        return found.count
    return work


def guppy_retained():
    from guppy import hpy
    return lambda kept: hpy().iso(kept).domisize


JOBS = {"walk": walk, "walk_sizes": walk_sizes, "objgraph_types": objgraph_types, "objgraph_chain": objgraph_chain,
        "pympler_summary": pympler_summary, "pympler_asizeof": pympler_asizeof, "guppy_heap": guppy_heap,
        "guppy_retained": guppy_retained}
