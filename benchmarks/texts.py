"""Texts of the kinds that are not English: each is counted otherwise by another vocabulary."""

import json
import random
from typing import Final

_DRAWN = random.Random(7)  # noqa: S311 - figures to look at, no secret

GERMAN: Final = (
    "Die Aufteilung der Daten ist nicht sauber: Einige Kundinnen stehen sowohl im Trainings- als "
    "auch im Testdatensatz, und die Genauigkeit von 93 % läßt sich deshalb nicht "
    "verallgemeinern. Vor einer Freigabe müssen die Zeilen nach Kundennummer getrennt und die "
    "Kreuzvalidierung wiederholt werden. Außerdem fehlen Angaben über die Verteilung der "
    "Zielgröße, über fehlende Werte und über die Größe des Vergleichsmodells.\n"
) * 4
CHINESE: Final = (
    "数据划分并不合理：同一位客户同时出现在训练集和测试集中，因此百分之九十三的准确率无法推广。"  # noqa: RUF001
    "发布之前必须按照客户编号重新划分数据，并重复交叉验证。此外，还缺少目标变量分布、缺失值以及对照模型规模的说明。\n"  # noqa: RUF001
) * 8
CSV: Final = "id,age,income,score,label\n" + "".join(
    f"{row},{_DRAWN.randint(18, 90)},{_DRAWN.randint(10_000, 99_999)},"
    f"{_DRAWN.random():.4f},{_DRAWN.randint(0, 1)}\n"
    for row in range(150)
)
RECORDS: Final = json.dumps(
    [
        {"id": row, "name": f"row {row}", "sound": True, "values": [_DRAWN.random()] * 2}
        for row in range(60)
    ]
)

CUT: Final = {
    "English": ("", (0.5, 0.1)),
    "German": (GERMAN * 5, (0.5, 0.1)),
    "JSON": (RECORDS, (0.5, 0.1)),
    "CSV": (CSV, (0.4, 0.1)),
    "Chinese": (CHINESE * 2, (0.2, 0.1)),
}
"""By kind: a text, and shares of it that no vocabulary makes a whole of.

Where a large vocabulary takes three digits for a token, or two characters, a small one takes
one or half a one; so the more these are of a text, the less can be told from a count."""
