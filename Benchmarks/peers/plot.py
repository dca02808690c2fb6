"""A small plot as SVG: lines over a logarithmic axis, nothing to install."""

import math

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 420, 56, 190, 44, 48
COLORS = ("#1b6ca8", "#c8553d", "#3c7a3c", "#7a4f9a", "#8a6d00")


def svg(title, x, lines):
    """`lines` are names with a value for each of `x`, which is drawn on a logarithmic axis."""
    low, high = math.log10(min(x)), math.log10(max(x))
    most = max(max(values) for _, values in lines)
    step = 10 ** math.floor(math.log10(most))
    step = next(step * part for part in (0.2, 0.5, 1, 2) if most / (step * part) <= 6)
    top = math.ceil(most / step) * step

    def across(value):
        share = (math.log10(value) - low) / (high - low) if high > low else 0.5
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def down(value):
        return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
             'font-family="sans-serif" font-size="12">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
             f'<text x="{LEFT}" y="24" font-size="15">{title}</text>']
    for number in range(int(round(top / step)) + 1):
        y = down(number * step)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
                     f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">'
                     f'{number * step:g}</text>')
    for value in x:
        parts.append(f'<text x="{across(value):.1f}" y="{HEIGHT - BOTTOM + 20}" '
                     f'text-anchor="middle">{value / 1e6:.3g} M</text>')
    ends = []
    for (name, values), color in zip(lines, COLORS):
        points = " ".join(f"{across(a):.1f},{down(b):.1f}" for a, b in zip(x, values))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" '
                     'stroke-width="2"/>')
        parts += [f'<circle cx="{across(a):.1f}" cy="{down(b):.1f}" r="3" fill="{color}"/>'
                  for a, b in zip(x, values)]
        ends.append((down(values[-1]) + 4, name, color))
    last = -1e9
    for y, name, color in sorted(ends):
        # Names that would lie on each other move apart.
        last = max(y, last + 15)
        parts.append(f'<text x="{WIDTH - RIGHT + 12}" y="{last:.1f}" fill="{color}">{name}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">'
                 'cards</text></svg>')
    return "\n".join(parts) + "\n"
