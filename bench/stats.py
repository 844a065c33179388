"""Means and their intervals."""
import math
import random
import statistics


def geomean(ratios):
    return math.exp(statistics.fmean(map(math.log, ratios)))


def bootstrap(values, statistic, rounds=2000, level=0.95, seed=1):
    """(low, high): percentile interval of the statistic over resamples of the values."""
    chooser = random.Random(seed)
    found = sorted(statistic(chooser.choices(values, k=len(values))) for _ in range(rounds))
    tail = (1 - level) / 2
    return found[int(tail * rounds)], found[min(rounds - 1, int((1 - tail) * rounds))]


def spread(values):
    """"median (least to most)"."""
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"
