"""The shared process: its kernels, marginals and posteriors, and what the network is shown."""

from __future__ import annotations

import copy
import math
from itertools import pairwise

import pytest
import torch

from tabdiffuse._random import Noise, generator
from tabdiffuse.denoiser import Denoiser
from tabdiffuse.errors import ParameterError
from tabdiffuse.joint import Observed, ProductProcess, Shared
from tabdiffuse.joint.aggregation import PRIOR_TOLERANCE, Aggregation
from tabdiffuse.joint.encoders import BackboneEncoder
from tabdiffuse.modalities import CategoricalModality, NumericModality
from tabdiffuse.modalities.discrete_image import DiscreteImageModality
from tabdiffuse.modalities.image import ImageModality
from tabdiffuse.nn.dit import DiT, DiTConfig
from tabdiffuse.sampling.guidance import Guidance, guided
from tabdiffuse.sampling.sampler import sample
from tabdiffuse.sampling.solvers import Euler, Heun, TwoM, time_grid
from tabdiffuse.schedules import EDMSchedule, VPCosine
from tabdiffuse.times import Independent, RandomClean, Tied
from tests.oracles import SCHEDULES, GaussianOracle
from tests.shared_oracles import STRENGTH, ClassOracle, VectorOracle
from tests.tiny import WIDTH, lively_denoiser

GRID = time_grid(8, torch.float64).flip(0)  # 0 = t_0 < ... < t_8 = 1


class Fixed(Noise):
    """A source in which every normal number is the same."""

    def __init__(self, value: float) -> None:
        super().__init__([generator(0)])
        self.value = value

    def normal(self, shape, dtype=torch.float32):
        return torch.full(tuple(shape), self.value, dtype=dtype)


def noise(*labels: int) -> Noise:
    return Noise([generator(0, *labels)])


def at(t: float, c: float = 0.0, dtype=torch.float64):
    return {"z": torch.full((1, 1), float(t), dtype=dtype), "c": torch.full((1, 1), c, dtype=dtype)}


def levels(t):
    return VPCosine()(torch.as_tensor(t, dtype=torch.float64))


# --- Aggregation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n_steps", [1, 2, 10, 1000])
def test_curve_obeys_the_recursion_of_the_paper_on_every_grid(n_steps):
    curve = Aggregation(VPCosine(), STRENGTH)
    grid = torch.linspace(0, 1, n_steps + 1, dtype=torch.float64)
    alpha = levels(grid).alpha
    held = torch.zeros((), dtype=torch.float64)
    for k in range(1, n_steps + 1):
        root = alpha[k] / alpha[k - 1]
        held = root * (curve.weight(grid[k - 1], grid[k]) + held)
        assert held == pytest.approx(float(curve(grid[k])), abs=1e-13)


def test_weights_are_finite_and_not_negative():
    grid = torch.linspace(0, 1, 1001, dtype=torch.float64)
    weights = Aggregation(VPCosine(), 2.0).weight(grid[:-1], grid[1:])
    assert weights.isfinite().all()
    assert (weights >= 0).all()
    assert weights.max() <= 2.0 * math.pi / 2 / 1000


def test_aggregate_vanishes_at_both_ends_and_is_capped():
    curve = Aggregation(VPCosine(), 1.0)
    t = torch.linspace(0, 1, 1001, dtype=torch.float64)
    assert curve(t)[0] == curve(t)[-1] == 0
    assert curve(t).max() == pytest.approx(0.5)
    assert curve.left_at_prior() <= PRIOR_TOLERANCE


def test_weights_of_the_paper_break_the_prior():
    """The numbers that the docstring of the module gives."""
    alphas = 1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    kept, held = alphas.cumprod(0).sqrt(), [0.0]
    for t in range(1, 1000):
        held.append(float(alphas[t - 1].sqrt()) * (t / (1000 - t) + held[-1]))
    assert next(t for t in range(1, 1000) if held[t] > kept[t - 1]) == 44
    assert held[250] == pytest.approx(33, abs=0.5)
    assert float(kept[249]) == pytest.approx(0.72, abs=0.005)
    assert held[999] == pytest.approx(4548, abs=0.5)


# --- Check (a): composed kernels are the marginal -------------------------------------------------


def test_one_step_is_the_kernel_of_the_paper():
    """z_k = sqrt(alpha_k) (z_{k-1} + w_k E) + sqrt(1 - alpha_k) eps."""
    joint = ClassOracle().joint
    encoding = float(ClassOracle.codes[1])
    z, eps = 0.7, 1.3
    for s, t in pairwise(GRID):
        state = {"z": torch.full((1, 1, 1), z, dtype=torch.float64), "c": torch.tensor([[1]])}
        found = joint.forward_step(state, at(s), at(t), Fixed(eps))["z"].item()
        root = float(levels(t).alpha / levels(s).alpha)
        weight = float(joint.aggregation.weight(s, t))
        expected = root * (z + weight * encoding) + math.sqrt(1 - root**2) * eps
        assert found == pytest.approx(expected, abs=1e-12)


def test_composed_kernels_have_the_mean_and_variance_of_the_marginal():
    joint = ClassOracle().joint
    state = {"z": torch.full((1, 1, 1), 0.7, dtype=torch.float64), "c": torch.tensor([[2]])}
    variance = 0.0
    for s, t in pairwise(GRID):
        pushed = joint.forward_step(state, at(s), at(t), Fixed(1.0))["z"]
        state = joint.forward_step(state, at(s), at(t), Fixed(0.0))
        root = float(levels(t).alpha / levels(s).alpha)
        variance = root**2 * variance + float((pushed - state["z"]).square())
        alpha, sigma = float(levels(t).alpha), float(levels(t).sigma)
        mean = alpha * 0.7 + STRENGTH * alpha * sigma * float(ClassOracle.codes[2])
        assert state["z"].item() == pytest.approx(mean, abs=1e-12)
        assert variance == pytest.approx(sigma**2, abs=1e-12)


def test_training_draws_from_the_marginal():
    joint = ClassOracle().joint
    clean = {"z": torch.full((1, 1, 1), 0.7, dtype=torch.float64), "c": torch.tensor([[0]])}
    for t in (0.0, 0.3, 1.0):
        state, targets = joint.corrupt(clean, at(t, c=1.0), Fixed(1.3))
        alpha, sigma = float(levels(t).alpha), float(levels(t).sigma)
        mean = alpha * 0.7 + STRENGTH * alpha * sigma * float(ClassOracle.codes[0])
        assert state["z"].item() == pytest.approx(mean + sigma * 1.3, abs=1e-12)
        assert targets["z"].item() == pytest.approx(alpha * 1.3 - sigma * 0.7, abs=1e-12)
        assert state["c"].item() == 3  # hidden
        assert targets["c"].item() == 0


# --- Check (b): without aggregation it is DDPM ----------------------------------------------------


def beside(part: str):
    """Latents of the Gaussian oracle, with a task of some kind beside them."""
    tasks = {"category": CategoricalModality(3), "numbers": NumericModality(2)}
    return {"c": tasks[part], "x": NumericModality(3)}


class WithTask:
    """The answers of a denoiser of ``x``, with even odds or zeros for the task."""

    def __init__(self, denoise, part):
        self.denoise = denoise
        self.part = part

    def __call__(self, state, times):
        rows = len(state["x"])
        guess = torch.full((rows, 1, 3), 1 / 3).log() if self.part == "category" else 0 * state["c"]
        return {**self.denoise(state, times), "c": guess}


ORACLE = GaussianOracle(
    SCHEDULES["vp"], torch.tensor([0.5, -0.3, 0.2]).double(), torch.eye(3).double() * 0.3
)


def drawn(joint, denoise, solver):
    return sample(denoise, joint, 16, noise(3), solver=solver, n_steps=12, dtype=torch.float64)["x"]


@pytest.mark.parametrize("part", ["category", "numbers"])
@pytest.mark.parametrize("solver", [Euler(1.0), Euler(0.0), TwoM(1.0), Heun()], ids=repr)
def test_without_aggregation_it_is_plain_diffusion_bit_for_bit(part, solver):
    alone = drawn(ORACLE.joint, ORACLE, solver)
    shared = Shared("x", strength=0.0).build(beside(part))
    assert torch.equal(drawn(shared, WithTask(ORACLE, part), solver), alone)


def test_with_aggregation_it_is_not():
    shared = Shared("x", strength=0.1).build(beside("numbers"))
    ones = {"c": torch.ones(16, 2, 1)}

    def denoise(state, times):
        return {**ORACLE(state, times), **ones}

    assert not torch.equal(
        drawn(shared, denoise, Euler(1.0)), drawn(ORACLE.joint, ORACLE, Euler(1.0))
    )


def test_without_aggregation_training_is_plain_bit_for_bit():
    clean = {"x": noise(1).normal((6, 3, 1)), "c": torch.tensor([[2], [0], [1]] * 2)}
    t = Tied().sample({"x": 3}, 6, noise(2))["x"]
    shared = Shared("x", strength=0.0).build(beside("category"))
    state, targets = shared.corrupt(clean, {"x": t, "c": t}, noise(3))
    plain, goals = ORACLE.joint.corrupt({"x": clean["x"]}, {"x": t}, noise(3))
    assert torch.equal(state["x"], plain["x"])
    assert torch.equal(targets["x"], goals["x"])


def test_steps_are_those_of_ddpm():
    """Ho et al. 2020, algorithm 2, with the variance beta-tilde, written out."""
    source = noise(3)
    joint = Shared("x", strength=0.0).build(beside("category"))
    z = joint.prior(16, source)["x"].double()
    steps = time_grid(12, torch.float64)
    for t, s in pairwise(steps):
        now, then = levels(t), levels(s)
        denoised = ORACLE({"x": z}, {"x": t.reshape(1, 1)})["x"]
        eps = (z - now.alpha * denoised) / now.sigma
        root, beta = now.alpha / then.alpha, 1 - (now.alpha / then.alpha) ** 2
        tilde = beta * then.sigma**2 / now.sigma**2
        draw = source.normal(z.shape, torch.float64)
        if t == 1:  # alpha_t = 0: the limit of the line below
            z = then.alpha * denoised + then.sigma * draw
        else:
            z = (z - beta / now.sigma * eps) / root + tilde.sqrt() * draw
    torch.testing.assert_close(z, drawn(joint, WithTask(ORACLE, "category"), Euler(1.0)))


# --- Check (c): the posterior is Bayes' rule ------------------------------------------------------


@pytest.mark.parametrize(("s", "t"), [(0.2, 0.3), (0.5, 0.9), (0.1, 0.95)])
def test_posterior_is_bayes_rule(s, t):
    """q(z_s | z_t, z_0, x): the normal law of z_s given z_0, times that of z_t given z_s."""
    joint, z0, z_t = ClassOracle().joint, 0.7, -0.4
    encoding = float(ClassOracle.codes[2])
    before, after = levels(s), levels(t)
    s, t = (torch.tensor(time, dtype=torch.float64) for time in (s, t))
    prior_mean = float(before.alpha) * z0 + float(joint.aggregation(s)) * encoding
    prior_precision = 1 / float(before.sigma) ** 2
    root = float(after.alpha / before.alpha)
    weight = float(joint.aggregation.weight(s, t))
    precision = prior_precision + root**2 / (1 - root**2)
    pulled = root / (1 - root**2) * (z_t - root * weight * encoding)
    mean = (prior_precision * prior_mean + pulled) / precision
    pred = {
        "z": torch.full((1, 1, 1), z0, dtype=torch.float64),
        "c": torch.tensor([[[-torch.inf, -torch.inf, 0.0]]], dtype=torch.float64),
    }
    state = {"z": torch.full((1, 1, 1), z_t, dtype=torch.float64), "c": torch.tensor([[2]])}
    low, high = (
        joint.reverse_step(pred, state, at(t), at(s), Fixed(eps), eta=1.0)["z"].item()
        for eps in (0.0, 1.0)
    )
    assert low == pytest.approx(mean, abs=1e-12)
    assert (high - low) ** 2 == pytest.approx(1 / precision, abs=1e-12)
    # The paper's form of the mean.
    curve = float(joint.aggregation(t))
    eps = (z_t - float(after.alpha) * z0 - curve * encoding) / float(after.sigma)
    paper = (z_t - (1 - root**2) / float(after.sigma) * eps) / root - weight * encoding
    assert low == pytest.approx(paper, abs=1e-12)


# --- Solvers --------------------------------------------------------------------------------------


def flow_order(oracle, solver):
    """Order of the error, from three numbers of steps against each other."""
    ends = [
        sample(oracle, oracle.joint, 64, noise(), solver=solver, n_steps=n, dtype=torch.float64)[
            "z"
        ]
        for n in (100, 200, 400)
    ]
    first, second = ((a - b).square().mean().sqrt() for a, b in pairwise(ends))
    return float((first / second).log2())


def test_solvers_keep_their_order():
    oracle = VectorOracle()
    assert 0.9 < flow_order(oracle, Euler()) < 1.1
    assert flow_order(oracle, Heun()) > 1.7
    assert flow_order(oracle, TwoM()) > 1.7


def test_second_order_needs_the_encodings_carried_too():
    class Forgetful(type(VectorOracle().joint)):
        def extrapolate(self, pred, earlier, now, then, before):
            return {**super().extrapolate(pred, earlier, now, then, before), "v": pred["v"]}

    class Oracle(VectorOracle):
        @property
        def joint(self):
            joint = super().joint
            joint.__class__ = Forgetful
            return joint

    assert flow_order(Oracle(), TwoM()) < 1.3


# --- What the network is shown --------------------------------------------------------------------


def parts():
    return {"c": CategoricalModality(3), "z": NumericModality(2), "v": NumericModality(2)}


def shared_denoiser(**options):
    network = lively_denoiser(parts())
    return Denoiser(Shared("z", **options).build(network.joint.parts()), network.backbone).eval()


STATE = {
    "c": torch.tensor([[2], [0]]),
    "z": torch.tensor([[0.3, -1.0], [0.5, 0.1]])[..., None],
    "v": torch.tensor([[1.0, 0.2], [-0.4, 0.8]])[..., None],
}
OTHER = {"c": torch.tensor([[1], [1]]), "z": STATE["z"], "v": -STATE["v"]}


def of_times(c: float, v: float, z: float = 0.6):
    return {name: torch.full((1, 1), value) for name, value in (("c", c), ("z", z), ("v", v))}


def same(found, expected):
    return all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("shows_known", [True, False])
def test_hidden_modalities_do_not_reach_the_network(shows_known):
    denoiser = shared_denoiser(shows_known=shows_known)
    found = denoiser.raw(STATE, of_times(c=0.6, v=0.6))
    assert same(denoiser.raw(OTHER, of_times(c=0.6, v=0.6)), found)
    assert same(denoiser.raw(OTHER, of_times(c=1.0, v=0.2)), found)
    assert same(denoiser(OTHER, of_times(c=1.0, v=0.2)), denoiser(STATE, of_times(c=0.5, v=0.6)))


def test_x_sees_what_is_known_and_u_does_not():
    known = of_times(c=0.0, v=0.0)
    x, u = shared_denoiser(), shared_denoiser(shows_known=False)
    assert not same(x.raw(STATE, known), x.raw(OTHER, known))
    assert same(u.raw(STATE, known), u.raw(OTHER, known))
    assert same(u.raw(STATE, known), u.raw(STATE, of_times(c=1.0, v=1.0)))
    # Through the aggregate, known data act on the prediction of U as well.
    assert not torch.equal(u(STATE, known)["z"], u(OTHER, known)["z"])


def test_hidden_tokens_are_those_of_the_product_process_at_time_one():
    shared = shared_denoiser(share_tokens=False)
    apart = Denoiser(ProductProcess(shared.joint.parts()), shared.backbone)
    hidden = {**STATE, "c": torch.full((2, 1), 3), "v": torch.zeros(2, 2, 1)}
    expected = apart.raw(hidden, of_times(c=1.0, v=1.0))
    torch.testing.assert_close(shared.raw(STATE, of_times(c=0.3, v=0.6)), expected)


def test_tokens_of_the_latent_carry_what_has_as_many():
    """Known values are added to the token of their place; hidden ones add nothing at all."""
    shared = shared_denoiser()
    joint, parts = shared.joint, shared.joint.parts()
    known = of_times(c=0.0, v=0.0)
    tokens, times = joint.tokenize(STATE, known)
    assert tokens.shape[1] == 3  # two of the latent and v, one of the category
    z = parts["z"].embed(parts["z"].process.scale_input(STATE["z"], known["z"]))
    v = parts["v"].embed(STATE["v"])
    torch.testing.assert_close(tokens, torch.cat([z + v, parts["c"].embed(STATE["c"])], dim=1))
    assert torch.equal(times, torch.tensor([[0.6, 0.6, 0.0]]))
    alone, times = joint.tokenize(STATE, of_times(c=1.0, v=1.0))
    torch.testing.assert_close(alone[:, :2], z)
    assert torch.equal(times, torch.tensor([[0.6, 0.6, 1.0]]))


def test_tokens_that_stand_for_other_things_are_not_shared():
    """As many tokens are not enough: words are no places of a picture."""
    pieces = {"image": ImageModality(4, 4, patch=2), "words": CategoricalModality((3, 3, 3, 3))}
    tokens = {
        name: Shared("image").build(lively_denoiser(parts).joint.parts())._layout
        for name, parts in (
            ("words", pieces),
            ("map", {"image": pieces["image"], "map": DiscreteImageModality(8, 8, 2, patch=4)}),
            ("other", {"image": pieces["image"], "map": DiscreteImageModality(2, 8, 2, patch=2)}),
        )
    }
    counts = {name: len(layout._first_cell) for name, layout in tokens.items()}
    assert counts == {"words": 8, "map": 4, "other": 8}


def test_of_cells_known_in_part_only_the_known_tokens_are_shown():
    shared = shared_denoiser()
    tokens, _ = shared.joint.tokenize(STATE, of_times(c=0.0, v=0.0))
    times = of_times(c=0.0, v=0.0) | {"v": torch.tensor([[0.0, 1.0]]).expand(2, -1)}
    partly, _ = shared.joint.tokenize(STATE, times)
    torch.testing.assert_close(partly[:, 0], tokens[:, 0])
    assert not torch.allclose(partly[:, 1], tokens[:, 1])


def test_a_carried_modality_may_have_more_cells_than_tokens():
    """A map has a cell for each pixel; its tokens are those of the photograph's patches."""
    pieces = {"map": DiscreteImageModality(4, 4, 2, patch=2), "photo": ImageModality(4, 4, patch=2)}
    network = lively_denoiser(pieces)
    joint = Shared("photo", {"map": "generator"}).build(network.joint.parts())
    state = {"map": torch.zeros(3, 16).long(), "photo": torch.zeros(3, 4, 4)}
    for time in (torch.full((3, 1), 0.4), torch.full((3, 4), 0.4)):
        tokens, times = joint.tokenize(state, {"map": torch.zeros(3, 1), "photo": time})
        assert tokens.shape[:2] == (3, 4)
        assert (times == 0.4).all()
    hidden = torch.zeros(3, 16)
    hidden[:, 0] = 1.0  # one of the four pixels of the first token: what is known of it is shown
    partly, _ = joint.tokenize(state, {"map": hidden, "photo": torch.full((3, 4), 0.4)})
    torch.testing.assert_close(partly[:, 1:], tokens[:, 1:])
    blank, _ = joint.tokenize(state, {"map": torch.ones(3, 1), "photo": time})
    assert not torch.allclose(partly[:, 0], tokens[:, 0])
    assert not torch.allclose(partly[:, 0], blank[:, 0])


def test_heads_read_what_the_tokens_of_the_latent_became():
    shared = shared_denoiser()
    parts = shared.joint.parts()
    h = torch.randn(2, 3, WIDTH, generator=generator(1))
    raw = shared.joint.read(h)
    assert torch.equal(raw["z"], parts["z"].readout(h[:, :2]))
    assert torch.equal(raw["v"], parts["v"].readout(h[:, :2]))
    assert torch.equal(raw["c"], parts["c"].readout(h[:, 2:]))


def test_known_cells_are_predicted_as_they_are():
    pred = shared_denoiser()(STATE, of_times(c=0.0, v=0.0))
    assert torch.equal(pred["v"], STATE["v"])
    assert torch.equal(pred["c"].exp(), torch.tensor([[[0.0, 0, 1]], [[1, 0, 0]]]))


def test_denoised_latent_takes_off_what_the_others_add():
    denoiser = shared_denoiser()
    joint, times = denoiser.joint, of_times(c=0.0, v=0.0)
    raw = denoiser.raw(STATE, times)
    curve = joint.aggregation(times["z"])[..., None]
    encoded = joint._encoders["c"](torch.tensor([[[0.0, 0, 1]], [[1, 0, 0]]])) + STATE["v"]
    expected = joint.process.parameterize(raw["z"], STATE["z"] - curve * encoded, times["z"])
    torch.testing.assert_close(denoiser(STATE, times)["z"], expected)


def test_what_is_earlier_than_the_latent_is_known_in_training():
    joint = shared_denoiser().joint
    times = {
        "z": torch.tensor([[0.5, 0.0], [0.0, 0.0]]),
        "c": torch.tensor([[0.4], [0.2]]),
        "v": torch.tensor([[0.0, 0.5], [0.0, 0.6]]),
    }
    tied = joint.tie(times)
    assert tied["z"] is times["z"]
    assert torch.equal(tied["c"], torch.tensor([[0.0], [1.0]]))
    assert torch.equal(tied["v"], torch.tensor([[0.0, 1.0], [0.0, 1.0]]))


def test_one_time_for_a_row_hides_everything_in_training():
    joint = shared_denoiser().joint
    tied = joint.tie(Tied().sample(joint.cells, 50, noise()))
    assert (tied["c"] == 1).all()
    assert (tied["v"] == 1).all()


def test_random_clean_modalities_are_known_in_training():
    joint = shared_denoiser().joint
    times = RandomClean(Independent(), per_cell=False).sample(joint.cells, 50, noise())
    tied = joint.tie(times)
    assert (tied["c"][times["c"] == 0] == 0).all()
    hidden = tied["c"][times["z"] == 0]
    assert torch.equal(hidden, (times["c"][times["z"] == 0] > 0).float())


# --- Losses ---------------------------------------------------------------------------------------


def loss_of(times, **options):
    denoiser = shared_denoiser(**options)
    joint = denoiser.joint
    state, targets = joint.corrupt(STATE, times, noise(5))
    raw = denoiser.raw(state, times)
    return raw, targets, joint.losses(raw, targets, state, times)


def test_losses_are_squared_errors_and_cross_entropies_with_lambda_on_means_over_cells():
    raw, targets, losses = loss_of(of_times(c=1.0, v=1.0), task_weight=0.3)
    latent = (raw["z"] - targets["z"]).square().sum(dim=(1, 2))
    torch.testing.assert_close(losses["z"], latent)
    chosen = raw["c"].log_softmax(-1)[[0, 1], 0, STATE["c"][:, 0]]
    torch.testing.assert_close(losses["c"], -0.3 * 2 * chosen)  # z has 2 cells, c one
    error = (raw["v"] - STATE["v"]).square().sum(dim=(1, 2))
    torch.testing.assert_close(losses["v"], 0.3 * error)


def test_heads_learn_what_the_network_is_not_shown():
    times = of_times(c=0.0, v=1.0)
    assert (loss_of(times)[2]["c"] == 0).all()
    assert (loss_of(times)[2]["v"] > 0).all()
    blind = loss_of(times, shows_known=False)[2]
    everything = loss_of(of_times(c=1.0, v=1.0), shows_known=False)[2]
    torch.testing.assert_close(blind, everything)


def test_lambda_zero_leaves_the_latent():
    losses = loss_of(of_times(c=1.0, v=1.0), task_weight=0.0)[2]
    assert (losses["z"] > 0).all()
    assert (losses["c"] == 0).all()
    assert (losses["v"] == 0).all()


def test_a_known_latent_still_teaches_the_heads():
    losses = loss_of(of_times(c=1.0, v=1.0, z=0.0))[2]
    assert (losses["z"] == 0).all()
    assert (losses["c"] > 0).all()


# --- Evidence, guidance, refusals -----------------------------------------------------------------


def test_known_cells_survive_sampling_bit_for_bit():
    denoiser = shared_denoiser()
    observed = Observed(
        {"z": STATE["z"], "c": STATE["c"]},
        {"z": torch.tensor([[True, False]] * 2), "c": torch.ones(2, 1, dtype=torch.bool)},
    )
    for solver in (Euler(1.0), TwoM(), Heun()):
        found = sample(
            denoiser, denoiser.joint, 2, noise(), solver=solver, n_steps=5, observed=observed
        )
        assert torch.equal(found["z"][:, 0], STATE["z"][:, 0])
        assert torch.equal(found["c"], STATE["c"])
        assert not torch.equal(found["z"][:, 1], STATE["z"][:, 1])


def test_latent_held_at_some_noise_stays_bit_for_bit():
    oracle = ClassOracle()
    state = {"z": noise().normal((50, 1, 1), torch.float64), "c": torch.full((50, 1), 3)}
    held = at(0.37, c=1.0)
    found = oracle.joint.reverse_step(oracle(state, held), state, held, held, noise(), eta=1.0)
    assert torch.equal(found["z"], state["z"])


def test_given_the_latent_one_call_of_the_heads_is_enough():
    denoiser = shared_denoiser()
    observed = Observed({"z": STATE["z"]}, {"z": torch.ones(2, 2, dtype=torch.bool)})
    found = sample(
        denoiser, denoiser.joint, 2, noise(), solver=Euler(), n_steps=1, observed=observed
    )
    assert torch.equal(found["z"], STATE["z"])
    expected = denoiser(STATE, of_times(c=1.0, v=1.0, z=0.0))["v"]
    torch.testing.assert_close(found["v"], expected)


def test_guidance_leans_towards_a_known_modality():
    oracle, rows = ClassOracle(), 8
    joint = oracle.joint
    observed = Observed({"c": torch.zeros(rows, 1).long()}, {"c": torch.ones(rows, 1) > 0})
    state = joint.clamp(joint.prior(rows, noise()), observed)
    times = at(0.5)
    pred = guided(oracle, joint, observed, Guidance(3.0), noise())(state, times)
    with_c, without = oracle(state, times)["z"], oracle(state, at(0.5, c=1.0))["z"]
    torch.testing.assert_close(pred["z"], without + 3 * (with_c - without))
    assert torch.equal(pred["c"].exp()[:, 0, 0], torch.ones(rows).double())


def test_known_up_to_noise_is_refused_beside_the_latent():
    joint = ClassOracle().joint
    rows = {"c": torch.zeros(2, 1).long()}
    known = {"c": torch.ones(2, 1, dtype=torch.bool)}
    soft = Observed(rows, known, {"c": torch.full((2, 1), 0.5)})
    with pytest.raises(ParameterError, match=r"'c' cannot be known up to the noise of time 0\.5"):
        joint.clamp_times(at(1.0, c=1.0), soft)
    with pytest.raises(ParameterError, match="reference_time=1"):
        guided(ClassOracle(), joint, Observed(rows, known), Guidance(2.0, 0.5), noise())


def test_latent_cannot_be_noised_while_what_it_gathers_is_hidden():
    joint = ClassOracle().joint
    state = {"z": torch.zeros(1, 1, 1).double(), "c": torch.tensor([[3]])}
    with pytest.raises(ParameterError, match=r"'z' cannot be noised while \['c'\] is hidden"):
        joint.forward_step(state, at(0.0, c=1.0), at(0.5, c=1.0), noise())
    whole = joint.forward_step(state, at(0.0, c=1.0), at(1.0, c=1.0), Fixed(0.8))
    assert whole["z"].item() == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latent": "y"}, r"'latent' of Shared names no modality. Got 'y'; known: \['c', 'v'"),
        ({"latent": "c"}, "'c' must hold numbers under a Gaussian process"),
        ({"encoders": {"z": "identity"}}, r"name \['z'\], which must be modalities beside"),
        ({"encoders": {"c": "identity"}}, "'identity' of 'c' needs the state space of 'z'"),
        ({"encoders": {"c": "unet"}}, "'c' must be one of .* Got 'unet'"),
        ({"encoders": {"c": "backbone"}, "shows_known": False}, "shows_known=False forbids"),
        ({"encoders": {"c": torch.zeros(2, 2).numpy()}}, "a value for each of its 3 categories"),
        ({"encoders": {"c": torch.zeros(3, 5).numpy()}}, "The encoder of 'c': Expected intervals"),
        ({"encoders": {"v": torch.zeros(3, 2).numpy()}}, "needs a single category"),
        ({"encoders": {"c": lambda mean: mean}}, r"states \(2, 2, 1\) of 'z'. Got \(2, 1, 3\)"),
        ({"strength": -1.0}, "'strength' of Shared must be a finite number of at least 0. Got -1"),
        ({"task_weight": math.nan}, "'task_weight' of Shared must be a finite number"),
        ({"encoders": "generator"}, "must map names of modalities to encoders"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_words(options, message):
    with pytest.raises(ParameterError, match=message):
        Shared(**{"latent": "z", **options}).build(parts())


def test_schedule_whose_prior_would_keep_the_encodings_is_refused():
    exploding = {"z": NumericModality(2, EDMSchedule()), "c": CategoricalModality(3)}
    with pytest.raises(ParameterError, match="leaves 1 of the encodings at time 1"):
        Shared("z").build(exploding)


def test_backbone_encoder_of_several_categories_is_refused():
    many = {"z": NumericModality(2), "c": CategoricalModality((3, 2))}
    with pytest.raises(ParameterError, match="needs numbers or a single category"):
        Shared("z", encoders={"c": "backbone"}).build(many)


# --- Encoders -------------------------------------------------------------------------------------


def encoder_of(name, **options):
    return Shared("z", **options).build(parts())._encoders[name]


def test_identity_is_the_default_for_the_same_space_and_generator_for_others():
    mean = noise().normal((5, 2, 1))
    assert torch.equal(encoder_of("v")(mean), mean)
    probabilities = noise().uniform((5, 1, 3))
    assert torch.equal(
        encoder_of("c")(probabilities), encoder_of("c", encoders={"c": "generator"})(probabilities)
    )


def test_fixed_generator_is_linear_centred_and_of_the_size_of_the_latent():
    sizes = {"z": NumericModality(40), "c": CategoricalModality(50), "v": NumericModality(3)}
    joint = Shared("z").build(sizes)
    again = Shared("z").build(sizes)
    encode = joint._encoders["c"]
    codes = torch.eye(50)[:, None]
    assert torch.equal(encode(codes), again._encoders["c"](codes))
    torch.testing.assert_close(
        encode(codes.mean(dim=0, keepdim=True)), torch.zeros(1, 40, 1), atol=1e-5, rtol=0
    )
    mixed = encode(0.3 * codes[:1] + 0.7 * codes[1:2])
    torch.testing.assert_close(mixed, 0.3 * encode(codes[:1]) + 0.7 * encode(codes[1:2]))
    assert encode(codes).std() == pytest.approx(1, abs=0.1)  # 2000 numbers
    wide = joint._encoders["v"](noise().normal((2000, 3, 1)))
    assert 0.5 < wide.std() < 2


def test_fixed_generator_keeps_cells_apart_where_both_have_as_many():
    sizes = {"z": NumericModality(4), "c": CategoricalModality((3,) * 4)}
    encode = Shared("z").build(sizes)._encoders["c"]
    codes = torch.zeros(1, 4, 3)
    codes[:, 2, 1] = 1
    assert (encode(codes)[0, :, 0] != 0).tolist() == [False, False, True, False]


def test_table_holds_values_in_the_form_the_latent_takes():
    positions = torch.tensor([[0.5, 0.9], [0.1, 0.5], [0.5, 0.5]]).double()
    encode = encoder_of("c", encoders={"c": positions.numpy()})
    scores = torch.special.ndtri(positions).float()
    half = torch.tensor([[[0.5, 0.5, 0.0]]])
    torch.testing.assert_close(encode(half)[0, :, 0], scores[:2].mean(dim=0))


def test_weights_of_a_given_module_are_frozen_and_the_module_untouched():
    class Given(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.map = torch.nn.Linear(3, 2)

        def forward(self, mean):
            return self.map(mean).transpose(1, 2)

    given = Given()
    joint = Shared("z", encoders={"c": given}).build(parts())
    assert not any(p.requires_grad for p in joint._encoders["c"].parameters())
    assert all(p.requires_grad for p in given.parameters())


def attached():
    denoiser = shared_denoiser(encoders={"c": "backbone", "v": "backbone"})
    denoiser.joint.attach(denoiser.raw)
    return denoiser


def test_backbone_encodes_by_what_it_expects_of_the_latent():
    denoiser = attached()
    joint = denoiser.joint
    still = joint._stillness.expand(2, -1, -1)
    for name in ("c", "v"):
        encoder = joint._encoders[name]
        assert isinstance(encoder, BackboneEncoder)
        times = of_times(c=1.0, v=1.0, z=1.0) | {name: torch.zeros(1, 1)}
        expected = denoiser({**STATE, "z": still}, times)["z"]
        mean = joint._heads[name].mean_of(STATE[name])
        torch.testing.assert_close(encoder(mean), expected)
        assert not torch.equal(expected[0], expected[1])


def test_backbone_averages_over_guessed_categories():
    encoder = attached().joint._encoders["c"]
    certain = encoder(torch.eye(3)[:, None])
    torch.testing.assert_close(
        encoder(torch.tensor([[[0.2, 0.3, 0.5]]]))[0],
        0.2 * certain[0] + 0.3 * certain[1] + 0.5 * certain[2],
    )


def test_no_gradient_passes_through_an_encoder():
    denoiser = attached()
    state, _ = denoiser.joint.corrupt(STATE, of_times(c=1.0, v=1.0), noise())
    assert not state["z"].requires_grad


def test_a_copy_of_a_denoiser_encodes_with_its_own_backbone():
    denoiser = attached()
    other = copy.deepcopy(denoiser)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(0.5)
    mean = torch.eye(3)[:, None]
    first, second = denoiser.joint._encoders["c"](mean), other.joint._encoders["c"](mean)
    assert not torch.allclose(first, second)


def test_backbone_without_a_network_is_a_bug():
    with pytest.raises(AssertionError, match="attach the network"):
        encoder_of("c", encoders={"c": "backbone"})(torch.eye(3)[:, None])


def test_whole_network_gets_gradients():
    network = lively_denoiser(parts())
    denoiser = Denoiser(Shared("z").build(network.joint.parts()), DiT(DiTConfig(WIDTH, 1, 2)))
    times = of_times(c=1.0, v=0.0)
    state, targets = denoiser.joint.corrupt(STATE, times, noise(5))
    losses = denoiser.joint.losses(denoiser.raw(state, times), targets, state, times)
    torch.stack(list(losses.values())).sum().backward()
    missing = [n for n, p in denoiser.joint.named_parameters() if p.grad is None]
    assert missing == []
