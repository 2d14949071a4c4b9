"""Draws dermoscopic images: skin, lesion and what lies on the glass, as optical densities in front of a light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from automed.data.phantoms.dermoscopy import artefacts
from automed.data.phantoms.dermoscopy.artefacts import planes
from automed.data.phantoms.dermoscopy.patterns import Atlas, Floats, Reals, sample

Bytes = npt.NDArray[np.uint8]
Index = npt.NDArray[np.int64]

FEATURES = (
    "network",
    "cobbles",
    "broken_network",
    "dots",
    "streaks",
    "veil",
    "regression",
    "cysts",
    "plugs",
    "ridges",
    "vessels",
    "nests",
    "ulcer",
)
# Absorption in red, green, blue. Melanin falls smoothly with wavelength (Jacques 1998, omlc.org/spectra/melanin);
# haemoglobin spares red; deep melanin looks blue because the dermis above it scatters blue back (Tyndall). In a lesion
# less red is lost than in skin, as between the lesions of HAM10000 and the skin around them (.41 : 1 : 1.13 for nevi).
EPIDERMIS = np.array([0.76, 1.00, 1.26], np.float32)
MELANIN = np.array([0.54, 1.00, 1.24], np.float32)
BLOOD = np.array([0.20, 1.00, 0.80], np.float32)
DEEP = np.array([1.22, 1.00, 0.76], np.float32)
DERMIS = np.array([0.80, 0.69, 0.585], np.float32)
SCAR = np.array([0.90, 0.83, 0.78], np.float32)
SKIN_BLOOD = 0.26
# A dermatoscope's exposure control lifts dark skin, though not to the brightness of light skin.
EXPOSURE = 0.42


@dataclass(frozen=True, eq=False)
class Lesions:
    """What all images of one lesion share; every array has one row a lesion. Lengths are in half images.

    Attributes:
        skin: (n,) melanin of the skin, optical density in green.
        radius, aspect: (n,) size and elongation.
        waves: (n, 4, 2) amplitude and phase of the outline's 2nd to 5th harmonic.
        asymmetry, irregularity, softness, variegation: (n,) in [0, 1].
        pigment, redness: (n,) optical density in green of melanin and of blood.
        features: (n, 13) strength of each of FEATURES, 0 where absent.
        offsets: (n, 16, 2) where in its texture each structure of this lesion lies, in [16, 20).
        spots: (n, 3, 3) x, y and radius of the patches of veil, regression and ulcer, in lesion radii.
        keep: (n,) share of the structures' contrast that is drawn.
    """

    skin: Floats
    radius: Floats
    aspect: Floats
    waves: Floats
    asymmetry: Floats
    irregularity: Floats
    softness: Floats
    variegation: Floats
    pigment: Floats
    redness: Floats
    features: Floats
    offsets: Floats
    spots: Floats
    keep: Floats


@dataclass(frozen=True, eq=False)
class Views:
    """What belongs to one image: where the camera stood, its light, and what lay on the skin.

    Attributes:
        lesion: int64 (n,) row in Lesions.
        angle, zoom: (n,) radians; magnification.
        shift: (n, 2) of the lesion's centre.
        light: (n, 3) gain of red, green, blue.
        slope: (n, 2) how the light falls off across the image.
        vignette: (n,) radius beyond which the tube is black.
        hairs: (n, 9, 5) offset, angle, curvature, half-width (0: no hair), darkness.
        bubbles: (n, 3, 3) x, y, radius (0: no bubble).
        ruler: (n, 2) angle and distance of a scale from the centre; NaN: none.
    """

    lesion: Index
    angle: Floats
    zoom: Floats
    shift: Floats
    light: Floats
    slope: Floats
    vignette: Floats
    hairs: Floats
    bubbles: Floats
    ruler: Floats


REGIONS = ("lesion", "ruler", "hair")


def render(
    lesions: Lesions, views: Views, rows: Index, size: tuple[int, int], atlas: Atlas
) -> tuple[Floats, Bytes, Bytes]:
    """Images of some views, and what lies where.

    Args:
        lesions: the table that `views.lesion` points into.
        views: the table of images.
        rows: int64 (b,), which views.
        size: (height, width), pixels.
        atlas: where the structures come from.

    Returns:
        float32 (b, h, w, 3) sRGB in [0, 1] without sensor noise; the lesion, uint8 (b, h, w) in {0, 1}; uint8
        (b, h, w), 0 or k where REGIONS[k - 1] is seen. The lesion goes before what lies over it, but for the ticks.
    """
    pitch = 2.0 / min(size)
    y, x = ((np.arange(length, dtype=np.float32) - (length - 1) / 2) * np.float32(pitch) for length in size)
    x, y = np.broadcast_to(x, size)[None], np.broadcast_to(y[:, None], size)[None]
    of = views.lesion[rows]
    cos, sin = planes(np.cos(views.angle[rows])), planes(np.sin(views.angle[rows]))
    zoom, shift = planes(views.zoom[rows]), views.shift[rows]
    dx, dy = (x - planes(shift[:, 0])) / zoom, (y - planes(shift[:, 1])) / zoom
    u, v = cos * dx + sin * dy, cos * dy - sin * dx
    density, white, inside = _Tissue(lesions, of, u, v, atlas).densities()
    image = DERMIS * np.exp(-density)
    # The epidermis lies above what is white in the dermis.
    image += white[..., None] * (SCAR * np.exp(-0.35 * planes(lesions.skin[of]))[..., None] - image)
    image *= (np.exp(EXPOSURE * (lesions.skin[of] - 0.5))[:, None] * views.light[rows])[:, None, None, :]
    slope = views.slope[rows]
    image *= (1.0 + planes(slope[:, 0]) * x + planes(slope[:, 1]) * y)[..., None]
    artefacts.bubbles(image, views.bubbles[rows], x, y)
    hairs = artefacts.hairs(image, views.hairs[rows], x, y, pitch)
    clear = artefacts.ruler(views.ruler[rows], x, y, pitch)
    light = artefacts.tube(views.vignette[rows], x, y)
    image *= clear[..., None]
    image *= light[..., None]
    np.clip(image, 0.0, 1.0, out=image)
    # sRGB is close to a power of 1/2.2 (IEC 61966-2-1).
    image = np.power(image, np.float32(1 / 2.2))
    lesion, shown = inside > 0.5, light > 0.5
    ruler = artefacts.band(views.ruler[rows], x, y, pitch) & ~lesion | (clear <= 1.0 - artefacts.SEEN)
    regions = np.where(lesion, 1, np.where(hairs, 3, 0)).astype(np.uint8)
    regions[ruler] = 2
    return image, lesion.astype(np.uint8), regions * shown


class _Tissue:
    """The optical densities of some images, in the lesions' own coordinates."""

    def __init__(self, lesions: Lesions, of: Index, u: Floats, v: Floats, atlas: Atlas) -> None:
        self.lesions, self.of, self.u, self.v, self.atlas = lesions, of, u, v, atlas
        self.fold = self._look("coarse", 0), self._look("coarse", 2)
        self.fray = self._look("medium", 1), self._look("medium", 3)

    def _plane(self, name: str, k: Index | slice = slice(None)) -> Floats:
        return planes(getattr(self.lesions, name)[self.of[k]])

    def _look(self, name: str, slot: int, k: Index | slice = slice(None), scale: float = 1.0) -> Floats:
        offset = planes(self.lesions.offsets[self.of[k], slot, 0]), planes(self.lesions.offsets[self.of[k], slot, 1])
        u, v = self.u[k] * np.float32(scale) + offset[0], self.v[k] * np.float32(scale) + offset[1]
        return sample(getattr(self.atlas, name), u, v)

    def _grown(self, name: str, slot: int, k: Index, bend: float = 1.0) -> Floats:
        """A structure, bent as tissue bends it."""
        offset = planes(self.lesions.offsets[self.of[k], slot, 0]), planes(self.lesions.offsets[self.of[k], slot, 1])
        u = self.u[k] + bend * (0.030 * self.fold[0][k] + 0.006 * self.fray[0][k]) + offset[0]
        v = self.v[k] + bend * (0.030 * self.fold[1][k] + 0.006 * self.fray[1][k]) + offset[1]
        return sample(getattr(self.atlas, name), u, v)

    def _with(self, feature: str) -> tuple[Index, Floats]:
        strength = self.lesions.features[self.of, FEATURES.index(feature)]
        k = np.flatnonzero(strength > 0)
        return k, planes(strength[k])

    def _border(self) -> Floats:
        """Signed distance to the outline, positive inside, in half images."""
        aspect = np.sqrt(self._plane("aspect"))
        fold, fray = 0.20 * self._plane("asymmetry"), 0.055 * self._plane("irregularity")
        p = self.u * aspect + fold * self.fold[0] + fray * self.fray[0]
        q = self.v / aspect + fold * self.fold[1] + fray * self.fray[1]
        far = np.hypot(p, q) + np.float32(1e-6)
        turn = (p + 1j * q).astype(np.complex64) / far
        waves, power, outline = self.lesions.waves[self.of], turn, np.ones_like(far)
        for n in range(waves.shape[1]):
            power = power * turn
            outline += planes(waves[:, n, 0]) * (power * np.exp(1j * planes(waves[:, n, 1]))).real
        border: Floats = self._plane("radius") * outline - far
        k, strength = self._with("streaks")
        if len(k):
            # Noise read along a circle depends on the angle alone: rays.
            ray = 0.75 * turn[k]
            offset = self.lesions.offsets[self.of[k], 4]
            rays = sample(self.atlas.medium, ray.real + planes(offset[:, 0]), ray.imag + planes(offset[:, 1]))
            border[k] += 0.17 * strength * np.clip(rays, 0.0, 1.6)
        return border

    def _patch(self, slot: int, k: Index) -> Floats:
        """A soft-edged, crooked spot off the centre, in [0, 1]."""
        spot = self.lesions.spots[self.of[k], slot]
        radius = self._plane("radius", k)
        far = np.hypot(self.u[k] - radius * planes(spot[:, 0]), self.v[k] - radius * planes(spot[:, 1]))
        return _sigmoid((radius * planes(spot[:, 2]) - far + 0.11 * self._look("cloud", 5 + slot, k)) / 0.06)

    def densities(self) -> tuple[Floats, Floats, Floats]:
        """Density (b, h, w, 3), share of white scar (b, h, w), share of lesion (b, h, w)."""
        border = self._border()
        cloud, grain = self._look("cloud", 8), self._look("fine", 9)
        inside = _sigmoid(border / (0.018 + 0.075 * self._plane("softness")))
        depth = np.clip(border / self._plane("radius"), 0.0, 1.0)
        variegation = self._plane("variegation")
        body = self._plane("pigment") * inside * (0.72 + 0.4 * depth)
        body *= np.exp((0.16 + 0.42 * variegation) * cloud + 0.05 * grain)
        tone = self._plane("skin")
        skin = tone + np.sqrt(tone) * (0.075 * self._look("cloud", 10, scale=0.8) + 0.035 * grain)
        blood = SKIN_BLOOD * (1.0 + 0.22 * self._look("cloud", 11, scale=1.3)) + 0.035 * self._look("medium", 12)
        blush = self._plane("redness") * _sigmoid(border / 0.11) * (1.0 + 0.3 * self._look("cloud", 7))
        melanin, red, deep, white = body.copy(), np.zeros_like(body), np.zeros_like(body), np.zeros_like(body)
        self._pigmented(melanin, inside, depth, border)
        self._keratotic(melanin, white, inside)
        self._vascular(melanin, red, deep, white, inside, border)
        self._patches(melanin, red, deep, white, inside)
        keep = self._plane("keep")
        # Equal densities make weaker steps on a darker screen; without this, dark skin would be disadvantaged unasked.
        gain = np.exp(0.6 * (1.0 - EXPOSURE) * (tone - 0.5))
        density = skin[..., None] * EPIDERMIS
        density += (gain * (body + keep * (melanin - body)))[..., None] * MELANIN
        density += (blood + gain * (blush + keep * red))[..., None] * BLOOD
        density += (gain * keep * deep)[..., None] * DEEP
        return density, keep * np.minimum(white, 0.85), inside

    def _pigmented(self, melanin: Floats, inside: Floats, depth: Floats, border: Floats) -> None:
        k, strength = self._with("network")
        # A net fades where its ridges flatten: unevenly, and towards the middle.
        strength = strength * (1.0 - 0.35 * depth[k]) * np.clip(0.85 + 0.3 * self._look("cloud", 12, k), 0.25, 1.15)
        melanin[k] *= 1.0 + strength * (1.45 * self._grown("network", 13, k) - 0.55)
        k, strength = self._with("cobbles")
        melanin[k] *= 1.0 + strength * (1.25 * self._grown("cobbles", 13, k) - 0.5)
        k, strength = self._with("broken_network")
        melanin[k] *= 1.0 + strength * (1.75 * self._grown("network_broken", 14, k) - 0.6)
        k, strength = self._with("dots")
        dots = self._grown("dots", 15, k) * inside[k] * _sigmoid(9.0 * self._look("coarse", 6, k) + 3.0)
        melanin[k] += 2.0 * strength * dots
        k, strength = self._with("streaks")
        melanin[k] *= 1.0 + 0.8 * strength * np.exp(-((border[k] / 0.09) ** 2))

    def _keratotic(self, melanin: Floats, white: Floats, inside: Floats) -> None:
        k, strength = self._with("ridges")
        melanin[k] *= 1.0 + strength * (1.0 * self._grown("ridges", 13, k) - 0.5)
        k, strength = self._with("plugs")
        melanin[k] += 2.1 * strength * self._grown("plugs", 14, k) * inside[k]
        k, strength = self._with("cysts")
        cysts = strength * self._grown("cysts", 15, k) * inside[k]
        melanin[k] *= 1.0 - 0.7 * cysts
        white[k] += 0.45 * cysts

    def _vascular(
        self, melanin: Floats, red: Floats, deep: Floats, white: Floats, inside: Floats, border: Floats
    ) -> None:
        k, strength = self._with("nests")
        nests = strength * self._grown("nests", 14, k, 2.0) * inside[k]
        melanin[k] += nests * (0.35 + 0.15 * self._look("fine", 7, k))
        deep[k] += 1.45 * nests
        k, strength = self._with("vessels")
        red[k] += 1.9 * strength * self._grown("trees", 13, k) * _sigmoid((border[k] + 0.08) / 0.05)
        white[k] += 0.10 * strength * inside[k]

    def _patches(self, melanin: Floats, red: Floats, deep: Floats, white: Floats, inside: Floats) -> None:
        k, strength = self._with("regression")
        patch = strength * self._patch(1, k) * inside[k]
        melanin[k] *= 1.0 - 0.85 * patch
        white[k] += 0.30 * patch
        deep[k] += 0.9 * patch * self._grown("pepper", 12, k)
        k, strength = self._with("veil")
        patch = strength * self._patch(0, k) * inside[k]
        melanin[k] *= 1.0 - 0.45 * patch
        deep[k] += patch * (1.55 + 0.35 * self._look("cloud", 14, k))
        white[k] += 0.15 * patch
        k, strength = self._with("ulcer")
        patch = strength * self._patch(2, k) * inside[k]
        red[k] += 1.5 * patch
        melanin[k] += patch * (0.7 + 0.4 * self._look("medium", 7, k))


def _sigmoid(field: Reals) -> Floats:
    # tanh saturates quietly where exp would overflow.
    result: Floats = np.float32(0.5) * np.tanh(np.float32(0.5) * field) + np.float32(0.5)
    return result
