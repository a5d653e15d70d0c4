"""Train a small model, then read its cross-attention weights through a probe.

python examples/look_inside.py
"""

from itertools import repeat

import seqwright as sw

STEPS = 1200


def main(steps: int = STEPS) -> None:
    task, bits = sw.paper.EIGHT, sw.Vocabulary(("0", "1"))
    model = sw.build(sw.ladder.PADDING, seed=1)
    plan = sw.TrainingSpec(steps=steps, objective=sw.CrossEntropy(ignore=bits.pad))
    sw.fit(sw.SingleModel(model.train()), repeat(bits.batch(task.rows())), plan)

    pair = sw.Pair.of("0101", "0101")
    record = sw.Record(*(name for name in model.probe_names() if "cross" in name and name.endswith("weights")))
    question = bits.question([pair], limit=10)
    sw.greedy(model.eval(), question.source, question.first, end=question.end, limit=10, probe=record)
    print("attention to the source", sw.spell(pair.source), "at each generated token:")
    for steps_weights in record.seen.values():
        for weights in steps_weights:  # [1 row, 1 head, 1 query, 4 keys], one per generated token
            print("  ", " ".join(f"{weight:.2f}" for weight in weights[0, 0, 0].tolist()))


if __name__ == "__main__":
    main()
