"""Judge a profile of a truth program: how many of its stacks are impossible, and how far its shares are off.

usage: check.py PROGRAM[:ARGUMENT…] COLLAPSED [--shares JSON] [--samples N] [--truncated] [--json]

COLLAPSED is what `pyrometer report -f collapsed --no-threads` printed (- for stdin), or any tool's output in that format.
JSON is the program's own last line, or a file with it. Exit 1 if a stack is impossible or the shares are off by more than
the statistical error explains (3 standard errors) and 1 %.
"""
import argparse
import collections
import json
import math
import os
import pathlib
import sys

if __package__:
    from .oracle import Oracle, parse
else:
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
    from oracle import Oracle, parse

EXAMPLES = 5
ALLOWANCE = 0.01
STANDARD_ERRORS = 3


def judge_stacks(oracle, stacks, truncated=False):
    """{samples, program, unresolved, impossible, examples}: weights; `program` is what showed the program's own code."""
    sums = collections.Counter(samples=0, program=0, unresolved=0, impossible=0)
    reasons = collections.Counter()
    shown = {}
    for stack in stacks:
        sums["samples"] += stack.weight
        if not stack.frames:
            sums["unresolved"] += stack.weight if stack.tail == "<unresolved>" else 0
            continue
        sums["program"] += stack.weight if any(frame and frame.file == oracle.file for frame in stack.frames) else 0
        reason = oracle.wrong(stack.frames, truncated)
        if reason:
            sums["impossible"] += stack.weight
            reasons[reason] += stack.weight
            shown.setdefault(reason, " > ".join("?" if f is None else f"{f.function}:{f.line}" for f in stack.frames[-8:]))
    examples = [{"weight": weight, "why": why, "stack": shown[why]} for why, weight in reasons.most_common(EXAMPLES)]
    return {**sums, "examples": examples}


def measured_shares(oracle, stacks):
    """({part: share}, weight) of the stacks within the program's measured time."""
    parts = collections.Counter()
    for stack in stacks:
        part = oracle.part(stack.frames) if stack.frames else None
        if part is not None:
            parts[part] += stack.weight
    total = sum(parts.values())
    return {part: weight / total for part, weight in parts.items()} if total else {}, total


def expected_distance(shares, samples):
    """(mean, standard error) of the total-variation distance that sampling alone gives, parts taken as independent."""
    variances = [share * (1 - share) / samples for share in shares.values() if 0 < share < 1]
    mean = 0.5 * sum(math.sqrt(2 / math.pi * variance) for variance in variances)
    return mean, 0.5 * math.sqrt(sum((1 - 2 / math.pi) * variance for variance in variances))


def judge_shares(oracle, stacks, truth, samples=None, waited=0.0):
    """{distance, expected, error, limit, parts}: total-variation distance from the truth, and what it may be.

    samples: how many independent samples the weights stand for; None: their sum. waited: the share of the time in which
    the program had no CPU though it wanted one; a sampler may have had none either, which can move that much.
    """
    measured, weight = measured_shares(oracle, stacks)
    if not measured:
        return {"distance": 1.0, "expected": 0.0, "error": 0.0, "limit": 0.0, "waited": waited, "parts": {}}
    names = sorted(set(truth) | set(measured))
    mean, error = expected_distance(truth, samples or weight)
    parts = {name: [truth.get(name, 0.0), measured.get(name, 0.0)] for name in names}
    distance = 0.5 * sum(abs(a - b) for a, b in parts.values())
    return {"distance": distance, "expected": mean, "error": error,
            "limit": mean + STANDARD_ERRORS * error + ALLOWANCE + waited, "waited": waited, "parts": parts}


def describe_stacks(result):
    yield (f"{result['samples']:.0f} samples, {result['program']:.0f} of the program, {result['unresolved']:.0f} unresolved, "
           f"{result['impossible']:.0f} impossible")
    for example in result["examples"]:
        yield f"  {example['weight']:.0f} x {example['why']}: {example['stack']}"


def describe_shares(result):
    yield (f"shares off by {100 * result['distance']:.2f} % (sampling alone: {100 * result['expected']:.2f} % "
           f"+- {100 * result['error']:.2f} %; without a CPU: {100 * result['waited']:.2f} %; "
           f"at most {100 * result['limit']:.2f} %)")
    for name, (true, measured) in result["parts"].items():
        yield f"  {name:12} true {100 * true:6.2f} %  measured {100 * measured:6.2f} %"


def read_shares(text):
    if os.path.exists(text):
        text = pathlib.Path(text).read_text(encoding="utf-8")
    return json.loads(text.strip().splitlines()[-1])["shares"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("collapsed")
    parser.add_argument("--shares", type=read_shares)
    parser.add_argument("--samples", type=int)
    parser.add_argument("--truncated", action="store_true", help="outermost frames may be missing")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    name, *arguments = options.program.split(":")
    oracle = Oracle(name, arguments)
    text = sys.stdin.read() if options.collapsed == "-" else pathlib.Path(options.collapsed).read_text(encoding="utf-8")
    result = {"stacks": judge_stacks(oracle, parse(text), options.truncated)}
    bad = result["stacks"]["impossible"] > 0
    if options.shares:
        result["shares"] = judge_shares(oracle, parse(text), options.shares, options.samples)
        bad |= result["shares"]["distance"] > result["shares"]["limit"]
    if options.json:
        print(json.dumps(result, indent=1))
    else:
        print("\n".join(describe_stacks(result["stacks"])))
        print("\n".join(describe_shares(result["shares"])) if options.shares else "", end="\n" if options.shares else "")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
