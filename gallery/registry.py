"""All figures, by theme and in order."""

from __future__ import annotations

from gallery import duels, fields, gans, players, saddle, tiny_gans
from gallery.plates import Plate

THEMES: dict[str, list[Plate]] = {
    "The saddle": saddle.PLATES,
    "Fields that are no gradients": fields.PLATES,
    "The other player": players.PLATES,
    "The smallest GANs": tiny_gans.PLATES,
    "Accept or reject": duels.PLATES,
    "Training GANs": gans.PLATES,
}

FIGURES: dict[str, Plate] = {plate.name: plate for plates in THEMES.values() for plate in plates}
