"""The games."""

from minmax.registry import Registry

GAMES = Registry(
    "game",
    {
        "autoencoder_field": "minmax.games.autoencoder_field:autoencoder_field",
        "bilinear": "minmax.games.bilinear:bilinear",
        "cos_sin": "minmax.games.cos_sin:cos_sin",
        "curl": "minmax.games.curl:curl",
        "dirac_gan": "minmax.games.dirac_gan:dirac_gan",
        "f1": "minmax.games.accept_reject_toys:f1",
        "f2": "minmax.games.accept_reject_toys:f2",
        "f3": "minmax.games.accept_reject_toys:f3",
        "gan": "minmax.games.gan:gan",
        "linear_wgan": "minmax.games.linear_wgan:linear_wgan",
        "lq_wgan": "minmax.games.lq_wgan:lq_wgan",
        "quadratic": "minmax.games.quadratic:quadratic",
        "rock_paper_scissors": "minmax.games.rock_paper_scissors:rock_paper_scissors",
        "two_time_scale": "minmax.games.two_time_scale:two_time_scale",
        "xy": "minmax.games.xy:xy",
    },
)
get = GAMES.build
