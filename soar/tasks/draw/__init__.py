"""How tasks look: in a terminal, as SVG, as PNG."""
