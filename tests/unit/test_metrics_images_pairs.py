"""Distances between pairs of images, and networks that the user gives."""

import sys
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from tabdiffuse.errors import DataError, DataTypeError, ParameterError
from tabdiffuse.metrics import frechet_distance, inception_fid, lpips_distance, psnr, ssim

A, B = (np.random.default_rng(seed).random((3, 14, 13, 3)) for seed in (0, 1))


@pytest.fixture
def skimage():
    """The library that computes PSNR and SSIM, which is optional."""
    return pytest.importorskip("skimage.metrics")


def literal_ssim(x: np.ndarray, y: np.ndarray, data_range: float) -> float:
    """One channel, with the window of Wang et al. at each place where it fits."""
    offsets = np.arange(11) - 5
    line = np.exp(-(offsets**2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    places = []
    for i in range(x.shape[0] - 10):
        for j in range(x.shape[1] - 10):
            a, b = x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11]
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            var_a, var_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
            both = (window * (a - mean_a) * (b - mean_b)).sum()
            top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
            places.append(top / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)))
    return float(np.mean(places))


@pytest.mark.usefixtures("skimage")
@pytest.mark.parametrize("data_range", [1.0, 255.0])
def test_psnr_is_the_logarithm_of_the_mean_squared_error(data_range):
    exact = 10 * np.log10(data_range**2 / ((A - B) ** 2).mean(axis=(1, 2, 3)))
    assert psnr(A, B, data_range=data_range) == pytest.approx(exact, rel=1e-9)


@pytest.mark.usefixtures("skimage")
def test_psnr_of_eight_bits_does_not_wrap_around():
    black, white = np.zeros((1, 4, 4), np.uint8), np.full((1, 4, 4), 255, np.uint8)
    assert psnr(black, white, data_range=255) == pytest.approx([0.0], abs=1e-12)
    assert psnr(white, black, data_range=255) == pytest.approx([0.0], abs=1e-12)


@pytest.mark.usefixtures("skimage")
@pytest.mark.parametrize("data_range", [1.0, 255.0])
def test_ssim_is_the_mean_over_windows_and_channels(data_range):
    exact = [
        np.mean([literal_ssim(x[..., c], y[..., c], data_range) for c in range(3)])
        for x, y in zip(A * data_range, B * data_range, strict=True)
    ]
    found = ssim(A * data_range, B * data_range, data_range=data_range)
    assert found == pytest.approx(exact, abs=1e-6)


@pytest.mark.usefixtures("skimage")
def test_equal_images_are_perfect_and_inverted_ones_are_not():
    assert ssim(A, A) == pytest.approx(np.ones(3))
    assert (psnr(A, A) == np.inf).all()
    assert (ssim(A, 1 - A) < 0).all()
    assert (psnr(A, 1 - A) < 10).all()


@pytest.mark.usefixtures("skimage")
def test_images_of_one_channel_need_no_axis_for_it():
    assert ssim(A[..., :1], B[..., :1]) == pytest.approx(ssim(A[..., 0], B[..., 0]))
    assert psnr(A[..., :1], B[..., :1]) == pytest.approx(psnr(A[..., 0], B[..., 0]))


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_missing_scikit_image_names_the_extra(metric, monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    monkeypatch.setitem(sys.modules, "skimage.metrics", None)
    with pytest.raises(ImportError, match=r"pip install tabdiffuse\[images\]"):
        metric(A, B)


def fails(images: np.ndarray) -> list[np.ndarray]:
    raise AssertionError("images were not checked before the network saw them")


def lpips(real, made):
    return lpips_distance(real, made, fails, [np.ones(3)])


@pytest.mark.parametrize("metric", [psnr, ssim, lpips])
@pytest.mark.parametrize(
    ("real", "made", "error", "words"),
    [
        (A, B[:2], DataError, r"\(3, 14, 13, 3\) \(real\) and \(2, 14, 13, 3\) \(made\)"),
        (A, B[..., :1], DataError, "need one shape"),
        (A[0, 0], B[0, 0], DataError, r"\(n, H, W, C\), at least one.*\(13, 3\)"),
        (A[:0], B[:0], DataError, "at least one of them"),
        (A, np.full_like(B, np.nan), DataError, "The made images: 1638 of 1638 values are not"),
        (np.full(A.shape, "a"), B, DataTypeError, "The real images: expected"),
    ],
)
def test_images_that_cannot_be_compared_are_refused(metric, real, made, error, words):
    with pytest.raises(error, match=words):
        metric(real, made)


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_ranges_that_do_not_fit_are_refused(metric):
    with pytest.raises(DataError, match="more than data_range=1"):
        metric(A * 255, B * 255)
    for value in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ParameterError, match="data_range must be a positive number"):
            metric(A, B, data_range=value)


def test_ssim_refuses_images_smaller_than_its_window():
    with pytest.raises(DataError, match="images of 10 x 13"):
        ssim(A[:, :10], B[:, :10])


class TwoLayers(nn.Module):
    """Two feature maps: channels mixed by a matrix, and pairs of neighbours averaged."""

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        mixing = torch.tensor([[1.0, -2.0, 0.5], [0.3, 0.2, -1.0]])
        mixed = torch.einsum("kc,nchw->nkhw", mixing, images)
        halves = (images[:, :, 0::2] + images[:, :, 1::2]) / 2
        return [torch.relu(mixed), halves]


class Pooled(nn.Module):
    """Means and spreads of the channels."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        flat = images.flatten(2)
        return torch.cat([flat.mean(2), flat.std(2)], dim=1)


WEIGHTS = [np.array([0.7, 2.0]), np.array([1.0, 0.0, 3.0])]


def two_layers(images: np.ndarray) -> list[np.ndarray]:
    maps = TwoLayers()(torch.as_tensor(images).permute(0, 3, 1, 2).float())
    return [each.permute(0, 2, 3, 1).numpy() for each in maps]


def pooled(images: np.ndarray) -> np.ndarray:
    assert images.shape[3] == 3
    return Pooled()(torch.as_tensor(images).permute(0, 3, 1, 2).float()).numpy()


def literal_lpips(x: np.ndarray, y: np.ndarray) -> float:
    """Place by place and layer by layer, as the paper's equation reads."""
    total = 0.0
    for mine, yours, scale in zip(two_layers(x[None]), two_layers(y[None]), WEIGHTS, strict=True):
        height, width = mine.shape[1:3]
        for i in range(height):
            for j in range(width):
                a, b = mine[0, i, j], yours[0, i, j]
                a, b = a / (np.linalg.norm(a) + 1e-10), b / (np.linalg.norm(b) + 1e-10)
                total += float((scale * (a - b) ** 2).sum()) / (height * width)
    return total


def scripted(module: nn.Module, path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(module), str(path))
    return str(path)


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_lpips_is_the_weighted_difference_of_unit_features(batch_size):
    exact = [literal_lpips(x, y) for x, y in zip(A, B, strict=True)]
    found = lpips_distance(A, B, two_layers, WEIGHTS, batch_size=batch_size)
    assert found == pytest.approx(exact, rel=1e-6)


def test_lpips_of_equal_images_is_zero_and_grows_with_noise():
    assert (lpips_distance(A, A, two_layers, WEIGHTS) == 0).all()
    noise = B - 0.5
    little, much = (lpips_distance(A, A + s * noise, two_layers, WEIGHTS) for s in (0.1, 0.5))
    assert (little > 0).all()
    assert (little < much).all()


def test_lpips_reads_a_torchscript_file(tmp_path):
    path = scripted(TwoLayers(), tmp_path / "layers.pt")
    expected = lpips_distance(A, B, two_layers, WEIGHTS)
    assert lpips_distance(A, B, path, WEIGHTS) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("network", "weights", "words"),
    [
        (two_layers, [WEIGHTS[0]], r"layers of \[2, 3\] channels; weights has \[2\]"),
        (two_layers, WEIGHTS[::-1], r"layers of \[2, 3\] channels; weights has \[3, 2\]"),
        (two_layers, [WEIGHTS[0], -WEIGHTS[1]], "weights of layer 1 must be at least 0"),
        (two_layers, [WEIGHTS[0], WEIGHTS[1] * np.nan], "weights of layer 1: 3 of 3"),
        (lambda images: [], [], r"layers of \[\] channels"),
        (lambda images: images, WEIGHTS, "must give a list of feature maps"),
        (lambda images: [images[0]], WEIGHTS, r"Feature map 0 .* gave \(14, 13, 3\)"),
        (lambda images: [images * np.inf], WEIGHTS, "Feature map 0: .*not finite"),
    ],
)
def test_network_and_weights_that_do_not_fit_are_refused(network, weights, words):
    with pytest.raises(DataError, match=words), np.errstate(invalid="ignore"):
        lpips_distance(A, B, network, weights)


def test_inception_fid_is_the_frechet_distance_of_the_networks_features(tmp_path):
    exact = frechet_distance(pooled(A), pooled(B))
    assert exact > 0
    assert inception_fid(A, B, pooled) == pytest.approx(exact, rel=1e-6)
    path = scripted(Pooled(), tmp_path / "pooled.pt")
    assert inception_fid(A, B, path, batch_size=2) == pytest.approx(exact, rel=1e-5)
    assert inception_fid(A, A, pooled) == pytest.approx(0, abs=1e-9)


def test_inception_fid_shows_grey_images_in_three_channels():
    grey = [each[..., 0] for each in (A, B)]
    coloured = [np.repeat(each[..., None], 3, axis=3) for each in grey]
    assert inception_fid(*grey, pooled) == pytest.approx(inception_fid(*coloured, pooled))


def test_inception_fid_refuses_channels_that_are_no_colours():
    with pytest.raises(DataError, match="1 or 3 channels; got 2"):
        inception_fid(A[..., :2], B[..., :2], pooled)


METRICS = {
    "inception_fid": lambda network: inception_fid(A, B, network),
    "lpips_distance": lambda network: lpips_distance(A, B, network, WEIGHTS),
}


@pytest.mark.parametrize("name", METRICS)
def test_a_network_must_be_given_and_is_never_downloaded(name, tmp_path):
    with pytest.raises(DataTypeError, match=f"{name} needs a network .*never downloaded"):
        METRICS[name](None)
    with pytest.raises(DataError, match=f"{name}: there is no file .*never downloaded"):
        METRICS[name](tmp_path / "weights.pt")
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"no network")
    with pytest.raises(DataError, match="cannot be read as TorchScript"):
        METRICS[name](broken)
