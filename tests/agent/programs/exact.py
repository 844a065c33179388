"""What stays at lines marked #= is of kinds that no free list keeps: strings, bytes, arrays, instances with slots."""


class Slotted:
    __slots__ = ("first", "second", "third")

    def __init__(self, number):
        self.first = "first %d" % number  #=
        self.second = b"x" * (number % 700)  #=
        self.third = None


def strings(count):
    kept = [None] * count
    for number in range(count):
        kept[number] = "string number %d" % number  #=
    return kept


def resized(count):
    kept = []
    for number in range(count):
        grown = bytearray()
        for part in range(number % 40):
            grown += b"part %d " % part  #=
        kept.append(grown)
    return kept


def churn(count):
    total = 0
    for number in range(count):
        total += len("%d %d" % (number, number * 3) + "x" * (number % 300))
    return total


def closures(count):
    def make(number):
        text = "closed over %d" % number  #=

        def inner():
            return text
        return inner
    return [make(number) for number in range(count)]


def made_at_run_time(count):
    kept = []
    for number in range(count):
        space = {}
        exec("def made():\n    return 'made ' + str(%d)\n" % number, space)
        text = space["made"]()
        kept.append(text + "!")  #=
        del space
    return kept


def main(scale):
    count = int(2000 * scale)
    slotted = [None] * count
    for number in range(count):
        slotted[number] = Slotted(number)  #=
    large = bytes(3 << 20)  #=
    kept = [strings(count), resized(count // 4), slotted, closures(count), made_at_run_time(count // 20), large]
    churn(count * 4)
    half = strings(count)
    del half[::2]
    return kept, half
