"""Periodic textures of what a dermatoscope shows: network, globules, cysts, ridges, vessels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from scipy.signal import lfilter
from scipy.spatial import cKDTree

Floats = npt.NDArray[np.float32]
Reals = npt.NDArray[np.floating]

TILE = 512
# A network cell of 24 texels is 5 pixels wide on a 64-pixel image: the finest that survives its sampling.
TEXELS = 154.0
_CELL = 24


@dataclass(frozen=True, eq=False)
class Atlas:
    """Textures, float32 (TILE, TILE), that repeat without a seam; `TEXELS` texels are one unit (half an image).

    `coarse`, `medium`, `fine` and `cloud` (many scales) are noise of mean 0 and deviation 1; all others lie in [0, 1].
    """

    coarse: Floats
    medium: Floats
    fine: Floats
    cloud: Floats
    network: Floats
    network_broken: Floats
    cobbles: Floats
    dots: Floats
    pepper: Floats
    cysts: Floats
    plugs: Floats
    ridges: Floats
    nests: Floats
    trees: Floats


@lru_cache(maxsize=2)
def atlas(seed: int) -> Atlas:
    """The textures of one seed; the same seed gives the same textures."""
    rng = np.random.default_rng([seed, 7])
    coarse, medium, fine = (_noise(rng, wave, 0.5) for wave in (128.0, 44.0, 13.0))
    even = _lattice(rng, _CELL, 0.13)
    uneven = _lattice(rng, int(_CELL * 1.25), 0.38)
    return Atlas(
        coarse=coarse,
        medium=medium,
        fine=fine,
        cloud=_standard(0.75 * coarse + 0.6 * _noise(rng, 60.0, 0.6) + 0.4 * _noise(rng, 26.0, 0.6) + 0.25 * fine),
        network=_mesh(even, np.full((TILE, TILE), 6.0, np.float32)),
        network_broken=_mesh(uneven, 8.5 * np.exp(0.5 * medium)) * _step(coarse + 0.7 * medium + 0.5),
        cobbles=_beads(rng, _lattice(rng, 26, 0.12), (8.0, 9.0, 9.5)),
        dots=_beads(rng, _scatter(rng, 150), (4.0, 6.0, 8.0, 11.0)),
        pepper=_beads(rng, _scatter(rng, 420), (4.0, 5.0)),
        cysts=_beads(rng, _scatter(rng, 95), (6.0, 8.0, 10.0)),
        plugs=_beads(rng, _scatter(rng, 60), (9.0, 12.0, 15.0)),
        ridges=_step(2.2 * _noise(rng, 34.0, 0.16)),
        nests=_beads(rng, _scatter(rng, 34), (17.0, 22.0, 28.0), stretch=0.55, rim=4.5),
        trees=_trees(rng, 16),
    )


def sample(texture: Floats, u: Reals, v: Reals) -> Floats:
    """Look a texture up at positions in units, nearest texel: float32 of the shape of `u`.

    Positions must be positive: truncation, which is faster than floor, would mirror the tile at zero.
    """
    column = (u * np.float32(TEXELS)).astype(np.int32) & (TILE - 1)
    row = (v * np.float32(TEXELS)).astype(np.int32) & (TILE - 1)
    row *= TILE
    row += column
    found: Floats = np.take(texture.ravel(), row)
    return found


def _standard(field: Reals) -> Floats:
    result: Floats = ((field - field.mean()) / field.std()).astype(np.float32)
    return result


def _step(field: Reals, slope: float = 4.0) -> Floats:
    result: Floats = (1.0 / (1.0 + np.exp(-slope * field))).astype(np.float32)
    return result


def _noise(rng: np.random.Generator, wave: float, width: float) -> Floats:
    """Gaussian noise whose wavelengths lie around `wave` texels; `width` is the spread of log frequency."""
    fy, fx = np.meshgrid(np.fft.fftfreq(TILE), np.fft.rfftfreq(TILE), indexing="ij")
    frequency = np.hypot(fx, fy)
    frequency[0, 0] = 1e-9
    band = np.exp(-0.5 * (np.log(frequency * wave) / width) ** 2) / frequency
    spectrum = np.fft.rfft2(rng.standard_normal((TILE, TILE)))
    return _standard(np.fft.irfft2(spectrum * band, s=(TILE, TILE)))


def _lattice(rng: np.random.Generator, cell: int, jitter: float) -> npt.NDArray[np.float64]:
    """Points of a hexagonal lattice that closes at the tile's edge, each moved by `jitter` cells."""
    columns, rows = round(TILE / cell), 2 * round(TILE / cell / np.sqrt(3.0))
    j, i = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    points = np.stack([(i + 0.5 * (j % 2)) * TILE / columns, j * TILE / rows], axis=-1).reshape(-1, 2)
    return np.asarray((points + rng.normal(0.0, jitter * cell, points.shape)) % TILE)


def _scatter(rng: np.random.Generator, count: int) -> npt.NDArray[np.float64]:
    """Random points that keep some distance: the most distant of a few candidates, one after another."""
    points = rng.random((1, 2)) * TILE
    while len(points) < count:
        candidates = rng.random((5, 2)) * TILE
        apart = np.abs(candidates[:, None] - points)
        far = np.hypot(*np.minimum(apart, TILE - apart).transpose(2, 0, 1)).min(axis=1).argmax()
        points = np.concatenate([points, candidates[far : far + 1]])
    return points


def _pixels() -> npt.NDArray[np.float64]:
    row, column = np.meshgrid(np.arange(TILE), np.arange(TILE), indexing="ij")
    return np.stack([column, row], axis=-1).astype(float)


def _nearest(
    points: npt.NDArray[np.float64], places: npt.NDArray[np.float64], k: int = 1
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Distance to, and number of, the `k` points nearest to each place, across the tile's edges: (..., k)."""
    tree = cKDTree(points, boxsize=np.full(2, float(TILE)))
    distance, nearest = tree.query(places, k=np.arange(1, k + 1), workers=-1)
    return np.asarray(distance), np.asarray(nearest)


def _mesh(points: npt.NDArray[np.float64], width: Floats) -> Floats:
    """Lines between the cells of points: 1 on a line, falling over `width` texels."""
    distance, _ = _nearest(points, _pixels(), 2)
    lines: Floats = np.exp(-(((distance[..., 1] - distance[..., 0]) / width) ** 2)).astype(np.float32)
    return lines


def _beads(
    rng: np.random.Generator,
    points: npt.NDArray[np.float64],
    radii: tuple[float, ...],
    *,
    stretch: float = 0.0,
    rim: float = 2.0,
) -> Floats:
    """Spots with soft rims, round or with `stretch` oval at any angle; the points take the radii in turn."""
    canvas = np.zeros((TILE, TILE), np.float32)
    for number, ((x, y), angle) in enumerate(zip(points, rng.random(len(points)) * np.pi, strict=True)):
        radius = radii[number % len(radii)]
        reach = np.arange(-int(1.3 * radius + 3 * rim), int(1.3 * radius + 3 * rim) + 1)
        across, down = np.meshgrid(reach - x % 1, reach - y % 1)
        along = across * np.cos(angle) + down * np.sin(angle)
        far = np.sqrt(np.maximum(across**2 + down**2 - stretch * along**2, 0.0)) * (1.0 + stretch / 2)
        area = np.ix_((int(y) + reach) % TILE, (int(x) + reach) % TILE)
        canvas[area] = np.maximum(canvas[area], _step((radius - far) / rim, slope=2.0))
    return canvas


def _trees(rng: np.random.Generator, count: int) -> Floats:
    """Vessels that branch and thin out: crooked walks, each step as thick as the vessel is there."""
    # (x, y, direction, half-width, steps, branchings left)
    stems = [(x, y, rng.random() * 2 * np.pi, 4.6, 170, 2) for x, y in _scatter(rng, count)]
    walks: list[npt.NDArray[np.float64]] = []
    while stems:
        x, y, direction, width, steps, branchings = stems.pop()
        turns = lfilter([1.0], [1.0, -0.9], rng.normal(0.0, 0.02, steps))
        course = direction + np.cumsum(turns)
        walk = np.stack(
            [x + np.cumsum(np.cos(course)), y + np.cumsum(np.sin(course)), width * 0.9955 ** np.arange(steps)]
        )
        walks.append(walk)
        if branchings:
            for fork in range(int(rng.integers(14, 34)), steps - 20, int(rng.integers(24, 40))):
                side = rng.choice((-1.0, 1.0)) * rng.uniform(0.5, 1.0)
                x, y, width = walk[:, fork]
                length = int((steps - fork) * 0.75)
                stems.append((x, y, course[fork] + side, width * 0.78, length, branchings - 1))
    points = np.concatenate(walks, axis=1).T
    distance, nearest = (found[..., 0] for found in _nearest(points[:, :2] % TILE, _pixels()))
    cover = np.clip(points[nearest, 2] + 0.5 - distance, 0.0, 1.0)
    return gaussian_filter(cover, 1.1, mode="wrap").astype(np.float32)
