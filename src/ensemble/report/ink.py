"""How the shapes of a drawing look: one SVG document, painted piece by piece.

Self-contained: no font, script or style from elsewhere, colours for light and dark in its own
style sheet, nothing that a plain SVG renderer lacks. Has never heard of topologies.
"""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Final

from ensemble.canonical import fingerprint
from ensemble.report.lanes import way_down
from ensemble.report.placement import Placement
from ensemble.report.shapes import Box, Point, Route, Size
from ensemble.roles import Role

DOT: Final = Size(18, 18)
LETTERS_SHOWN: Final = 40
LETTERS_A_LINE: Final = 30


def seat_size(name: str, members: Sequence[str]) -> Size:
    """Return the room that a seat's box needs."""
    widths = [_text_width(_cut(member), _MEMBER_PX) for member in members]
    width = max([_text_width(_cut(name), _NAME_PX, bold=True), *widths]) + 2 * _PAD
    return Size(max(width, _LEAST_WIDTH), _NAME_LINE + _MEMBER_LINE * len(members) + 2 * _PAD - 7)


def label_size(lines: Sequence[str]) -> Size:
    """Return the room that a label needs; none for no lines."""
    if not lines:
        return Size(0, 0)
    width = max(_text_width(_cut(line), _LABEL_PX, bold=True) for line in lines)
    return Size(width + 2 * _LABEL_PAD, _LABEL_LINE * len(lines) + 8)


def wrapped(lines: Sequence[str]) -> tuple[str, ...]:
    """Return a label's lines, a long one broken between its words."""
    return tuple(part for line in lines for part in wrap(line, LETTERS_A_LINE) or [line])


@dataclass
class Picture:
    """An SVG document in the making; what is painted later lies above."""

    title: str
    parts: list[str] = field(default_factory=list[str])
    reach: list[Box] = field(default_factory=list[Box])
    """Everything painted so far, for the frame."""

    def seat(
        self, box: Box, name: str, members: Sequence[str], *, stacked: bool, style: str = ""
    ) -> None:
        """Paint a seat: its name, and below it who sits there; several lie in a stack.

        A `style` of `idle` or `lost` marks one that a run did not enter, or lost a member at.
        """
        behind = (2 * _STACK, _STACK, 0) if stacked else (0,)
        cards = [_rect(box, f"seat {style}".rstrip(), radius=9, shift=shift) for shift in behind]
        y = box.top + _PAD + 8
        texts = [_text(box.x, y, name, "name")]
        for number, member in enumerate(members, 1):
            texts.append(_text(box.x, y + 2 + _MEMBER_LINE * number, member, "member"))
        tooltip = html.escape(_printable(", ".join([name, *members])))
        whole = f' class="{style}"' if style else ""
        self.parts.append(f"<g{whole}><title>{tooltip}</title>{''.join([*cards, *texts])}</g>")
        self.reach.append(Box(box.x, box.y, box.width + 2 * behind[0], box.height + 2 * behind[0]))

    def label(
        self, box: Box, lines: Sequence[str], *, role: str | None, taken: bool | None = None
    ) -> None:
        """Paint a label on its way: the role in its colour, then the terms."""
        if not lines:
            return
        kind = _KINDS.get(role or "", "other")
        texts: list[str] = []
        for number, line in enumerate(lines):
            y = box.top + 15 + _LABEL_LINE * number
            style = f"role {kind}" if role and number == 0 else "term"
            texts.append(_text(box.x, y, line, style))
        pill = _rect(box, f"pill {kind}", radius=min(box.height / 2, 11))
        whole = ' class="untaken"' if taken is False else ""
        self.parts.append(f"<g{whole}>{pill}{''.join(texts)}</g>")
        self.reach.append(box)

    def arrow(self, route: Route, *, taken: bool | None = None, onto_stack: bool = False) -> None:
        """Paint the line of a way, with its head; one that a run took is thick.

        Args:
            route: where it goes.
            taken: whether a run took it; None where no run is drawn.
            onto_stack: whether several sit where it leads, so that from below it ends earlier.
        """
        points = route.points
        if onto_stack and points[-1][0] == points[-2][0]:
            points = (*points[:-1], (points[-1][0], points[-1][1] + 2 * _STACK))
        path = _cornered(points) if route.back else _curved(points)
        style = {None: "way", True: "way taken", False: "way untaken"}[taken]
        head = f"{self._arrow}-taken" if taken else self._arrow
        self.parts.append(f'<path class="{style}" marker-end="url(#{head})" d="{path}"/>')
        self.reach += [Box(x, y, 0, 0) for x, y in route.points]

    def start(self, box: Box) -> None:
        """Paint where a run begins."""
        dot = f'<circle class="dot" cx="{_n(box.x)}" cy="{_n(box.y)}" r="7"/>'
        self.parts.append(f"<g><title>start</title>{dot}</g>")
        self.reach.append(box)

    def end(self, box: Box) -> None:
        """Paint where a run ends."""
        centre = f'cx="{_n(box.x)}" cy="{_n(box.y)}"'
        ring = f'<circle class="ring" {centre} r="8"/><circle class="dot" {centre} r="4.5"/>'
        self.parts.append(f"<g><title>end</title>{ring}</g>")
        self.reach.append(box)

    def lab(self, asking: Sequence[Box], placement: Placement) -> None:
        """Paint the shared lab below all, joined by dotted ways to the boxes that may ask it."""
        top = placement.bottom + _ABOVE_LAB
        everything = [*placement.boxes.values()]
        ways = [way_down(box, everything, side=0, nth=0, to=top) for box in asking]
        ends = [way[-1][0] for way in ways]
        left = min(*(box.left for box in asking), *ends)
        right = max(*(box.right for box in asking), *ends)
        bar = Box((left + right) / 2, top + _LAB_HEIGHT / 2, right - left, _LAB_HEIGHT)
        joined: set[float] = set()
        for way in sorted(ways, key=lambda way: way[0][1]):
            x, y = way[-1]
            path = _cornered(way[:2] if x in joined else way)
            self.parts.append(f'<path class="way dotted" d="{path}"/>')
            self.parts.append(f'<circle class="dot" cx="{_n(x)}" cy="{_n(y)}" r="2.5"/>')
            joined.add(x)
        name = _text(bar.x, bar.y + 4.5, "lab", "name")
        self.parts.append(f"<g><title>lab, shared</title>{_rect(bar, 'lab', radius=9)}{name}</g>")
        self.reach.append(bar)

    def document(self) -> str:
        """Return the whole document, in a frame round all that was painted."""
        left = min(box.left for box in self.reach) - _MARGIN
        top = min(box.top for box in self.reach) - _MARGIN
        width = max(box.right for box in self.reach) + _MARGIN - left
        height = max(box.bottom for box in self.reach) + _MARGIN - top
        frame = " ".join(
            f'{name}="{_n(value)}"'
            for name, value in (("x", left), ("y", top), ("width", width), ("height", height))
        )
        parts = [_opening(left, top, width, height)]
        parts += [f"<title>{html.escape(_printable(self.title))}</title>"]
        parts += [f"<style>{_style()}</style>", self._arrow_heads()]
        parts += [f'<rect class="page" rx="12" {frame}/>', *self.parts, "</svg>\n"]
        return "\n".join(parts)

    def _arrow_heads(self) -> str:
        """Return the heads that arrows of this picture have."""
        painted = "".join(self.parts)
        heads = [(self._arrow, "head", 8), (f"{self._arrow}-taken", "head taken", 12)]
        markers = (
            f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="{px}" '
            f'markerHeight="{px}" orient="auto" markerUnits="userSpaceOnUse">'
            f'<path class="{style}" d="M0 1 L9 5 L0 9 Z"/></marker>'
            for name, style, px in heads
            if f"url(#{name})" in painted
        )
        return f"<defs>{''.join(markers)}</defs>"

    @property
    def _arrow(self) -> str:
        """The id of the arrow head: of this picture alone, for pages that hold several."""
        return f"arrow-{fingerprint(_printable(self.title))[7:15]}"


_NAME_PX, _MEMBER_PX, _LABEL_PX = 14, 12, 11
_NAME_LINE, _MEMBER_LINE, _LABEL_LINE = 18, 16, 14
_PAD, _LABEL_PAD, _MARGIN, _STACK, _LEAST_WIDTH = 14, 10, 20, 4, 88
_LAB_HEIGHT, _ABOVE_LAB = 30, 26
_CORNER = 9

_KINDS: Mapping[str, str] = {
    Role.SOLO: "states",
    Role.PANEL_MEMBER: "states",
    Role.INPUT_PROVIDER: "states",
    Role.AUDITOR: "attacks",
    Role.GATE_REVIEWER: "attacks",
    Role.DECISION_MAKER: "decides",
    Role.TIEBREAKER: "decides",
    Role.ADVISEE: "heeds",
}
# fill, stroke or text colour by class: (property, light, dark)
_COLOURS: Mapping[str, Sequence[tuple[str, str, str]]] = {
    ".page": [("fill", "#ffffff", "#0d1117")],
    ".seat": [("fill", "#f6f8fa", "#161b22"), ("stroke", "#8c959f", "#6e7681")],
    ".seat.lost": [("stroke", "#d1242f", "#f85149")],
    ".name": [("fill", "#1f2328", "#f0f6fc")],
    ".member": [("fill", "#57606a", "#9ea7b3")],
    ".way": [("stroke", "#6e7781", "#8b949e")],
    ".way.taken": [("stroke", "#0969da", "#4493f8")],
    ".head": [("fill", "#6e7781", "#8b949e")],
    ".head.taken": [("fill", "#0969da", "#4493f8")],
    ".dot": [("fill", "#57606a", "#9ea7b3")],
    ".ring": [("stroke", "#57606a", "#9ea7b3"), ("fill", "#ffffff", "#0d1117")],
    ".lab": [("fill", "#fff8e6", "#272115"), ("stroke", "#bf8700", "#9e6a03")],
    ".term": [("fill", "#57606a", "#9ea7b3")],
    ".pill": [("fill", "#ffffff", "#0d1117"), ("stroke", "#8c959f", "#6e7681")],
    ".pill.states": [("fill", "#eef6ff", "#0c1f38"), ("stroke", "#54aeff", "#1f6feb")],
    ".pill.attacks": [("fill", "#fff1ee", "#34130f"), ("stroke", "#ff8182", "#da3633")],
    ".pill.decides": [("fill", "#edfbf0", "#0c2816"), ("stroke", "#4ac26b", "#238636")],
    ".pill.heeds": [("fill", "#f8f1ff", "#211336"), ("stroke", "#c297ff", "#8957e5")],
    ".role": [("fill", "#57606a", "#9ea7b3")],
    ".role.states": [("fill", "#0550ae", "#79c0ff")],
    ".role.attacks": [("fill", "#a40e26", "#ffa198")],
    ".role.decides": [("fill", "#116329", "#7ee787")],
    ".role.heeds": [("fill", "#6639ba", "#d2a8ff")],
}


def _style() -> str:
    """Return the style sheet; every rule holds inside drawings only, also in a larger page."""
    root = ".ensemble-drawing"
    light, dark = (
        "".join(
            f"{root} {name}{{{';'.join(f'{rule[0]}:{rule[which]}' for rule in rules)}}}"
            for name, rules in _COLOURS.items()
        )
        for which in (1, 2)
    )
    shape = (
        f"{root} text{{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',"
        f"'DejaVu Sans',sans-serif;text-anchor:middle}}"
        f"{root} .name{{font-size:{_NAME_PX}px;font-weight:600}}"
        f"{root} .member{{font-size:{_MEMBER_PX}px}}"
        f"{root} .role,{root} .term{{font-size:{_LABEL_PX}px}}{root} .role{{font-weight:600}}"
        f"{root} .way{{fill:none;stroke-width:1.4}}{root} .way.taken{{stroke-width:2.8}}"
        f"{root} .untaken{{stroke-opacity:.45}}"
        f"{root} .untaken text,{root} .idle text{{opacity:.45}}"
        f"{root} .seat.idle{{stroke-dasharray:4 3}}"
        f"{root} .dotted{{stroke-dasharray:1.5 4;stroke-linecap:round}}"
        f"{root} .seat,{root} .lab{{stroke-width:1.2}}{root} .ring{{stroke-width:1.4}}"
    )
    return f"{shape}{light}@media (prefers-color-scheme:dark){{{dark}}}"


def _opening(left: float, top: float, width: float, height: float) -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" class="ensemble-drawing" role="img" '
        f'viewBox="{_n(left)} {_n(top)} {_n(width)} {_n(height)}" '
        f'width="{_n(width)}" height="{_n(height)}">'
    )


def _rect(box: Box, style: str, *, radius: float, shift: float = 0) -> str:
    return (
        f'<rect class="{style}" x="{_n(box.left + shift)}" y="{_n(box.top + shift)}"'
        f' width="{_n(box.width)}" height="{_n(box.height)}" rx="{_n(radius)}"/>'
    )


def _text(x: float, y: float, text: str, style: str) -> str:
    shown = html.escape(_cut(_printable(text)))
    return f'<text class="{style}" x="{_n(x)}" y="{_n(y)}">{shown}</text>'


def _curved(points: Sequence[Point]) -> str:
    """Return a path that runs level through each pair of points and bends between the pairs."""
    path = f"M{_n(points[0][0])} {_n(points[0][1])} H{_n(points[1][0])}"
    for (x0, y0), (x1, y1), (x2, _) in zip(points[1::2], points[2::2], points[3::2], strict=False):
        middle = _n((x0 + x1) / 2)
        path += f" C{middle} {_n(y0)} {middle} {_n(y1)} {_n(x1)} {_n(y1)} H{_n(x2)}"
    return path


def _cornered(points: Sequence[Point]) -> str:
    """Return a path along the points with rounded corners."""
    path = f"M{_n(points[0][0])} {_n(points[0][1])}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        enter, leave = _toward(corner, before), _toward(corner, after)
        path += f" L{enter} Q{_n(corner[0])} {_n(corner[1])} {leave}"
    return f"{path} L{_n(points[-1][0])} {_n(points[-1][1])}"


def _toward(corner: Point, other: Point) -> str:
    """Return the point on the way from `corner` to `other` where its rounding begins."""
    (x, y), (ox, oy) = corner, other
    length = max(abs(ox - x) + abs(oy - y), 1e-6)
    part = min(_CORNER, length / 2) / length
    return f"{_n(x + (ox - x) * part)} {_n(y + (oy - y) * part)}"


def _n(number: float) -> str:
    return f"{round(number, 1):g}"


def _cut(text: str) -> str:
    return text if len(text) <= LETTERS_SHOWN else f"{text[: LETTERS_SHOWN - 1]}…"


def _printable(text: str) -> str:
    """Return `text` without the characters that no XML document may hold."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)


def _text_width(text: str, px: float, *, bold: bool = False) -> float:
    """Estimate a width in a sans-serif font, rather too wide than too narrow."""
    return sum(map(_letter_em, text)) * px * (1.08 if bold else 1.0)


def _letter_em(letter: str) -> float:
    if letter in "iljtfrI.,:;|!'()[] ":
        return 0.38
    if letter in "mwMW@…—" or ord(letter) >= _FIRST_WIDE:
        return 1.0
    return 0.72 if letter.isupper() else 0.6


_FIRST_WIDE = 0x2E80  # CJK and what comes after it
