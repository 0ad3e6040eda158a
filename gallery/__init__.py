"""Every figure that the literature of this project draws, drawn by it: ``python -m gallery``.

``plates.py`` says what a figure is; one module a theme draws them; ``page.py`` writes what each shows.
"""
