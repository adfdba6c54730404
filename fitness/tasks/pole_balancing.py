"""Pole balancing with a continuous force, the protocol of Gomez, Schmidhuber & Miikkulainen.

One or two poles of different lengths stand on a cart, with or without their velocities shown.
Equations of Wieland (1991), constants and protocol of Gomez, Schmidhuber & Miikkulainen,
"Accelerated neural evolution through cooperatively coevolved synapses", JMLR 9 (2008), 937-965.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from fitness.tasks.contract import CompiledTask
from neuro.actions import Box
from neuro.errors import wrong
from neuro.jit import OBSERVE, STEP, kernel_function
from neuro.specs import real, whole
from neuro.symmetry import Symmetry

X_LIMIT = 2.4
ONE_POLE_LIMIT = 12 * math.pi / 180
TWO_POLES_LIMIT = 36 * math.pi / 180
GRAVITY = 9.8
CART_MASS = 1.0
LONG = (0.1, 0.5)
SHORT = (0.01, 0.05)
"""Mass and half the length of each pole."""
FRICTION = (5e-4, 2e-6)
"""Of the cart on its track, and of the poles on their hinges."""
MAX_FORCE = 10.0
MIN_FORCE = 10.0 / 256
SUBSTEP = 0.01

HALF_RANGES = (2.16, 1.35, math.radians(3.6), math.radians(8.6))
"""What the test of generality draws starts from: x, its speed, the long pole and its speed."""
TRIAL = 1000
"""Steps of the trial that the damping fitness is taken from."""
WINDOW = 100
"""Last steps of the trial in which movement counts against the controller."""
TIME, GOAL, RING = 6, 7, 8
"""Where the state keeps the steps balanced, the steps to balance and the window's movements."""


@register_jitable
def limited(force):
    """Clip a force, and raise it to the least one; 0 counts as a push to the right."""
    if force < 0.0:
        return -min(max(-force, MIN_FORCE), MAX_FORCE)
    return min(max(force, MIN_FORCE), MAX_FORCE)


@register_jitable
def reaction(pole, hinge, theta, omega):
    """Return a pole's cosine, the pull of hinge and gravity on it, and its force and mass.

    Force and mass are the effective ones, with which the pole acts on the cart.
    """
    mass, length = pole
    sin, cos = math.sin(theta), math.cos(theta)
    pull = hinge / (mass * length) * omega - GRAVITY * sin
    force = mass * length * (omega * omega) * sin + 0.75 * mass * cos * pull
    return cos, pull, force, mass * (1.0 - 0.75 * (cos * cos))


@register_jitable
def drag(friction, speed):
    """Return the force of the track on the cart, against its movement."""
    return math.copysign(friction, speed) if speed != 0.0 else 0.0


@register_jitable
def accelerations_one(force, friction, speed, theta, omega):
    """Return the accelerations of the cart and of the long pole."""
    cos, pull, push, mass = reaction(LONG, friction[1], theta, omega)
    cart = (force - drag(friction[0], speed) + push) / (CART_MASS + mass)
    return cart, -0.75 / LONG[1] * (cart * cos + pull)


@register_jitable
def accelerations_two(force, friction, speed, theta1, omega1, theta2, omega2):
    """Return the accelerations of the cart, of the long pole and of the short pole."""
    cos1, pull1, push1, mass1 = reaction(LONG, friction[1], theta1, omega1)
    cos2, pull2, push2, mass2 = reaction(SHORT, friction[1], theta2, omega2)
    cart = (force - drag(friction[0], speed) + (push1 + push2)) / (CART_MASS + (mass1 + mass2))
    return (
        cart, -0.75 / LONG[1] * (cart * cos1 + pull1), -0.75 / SHORT[1] * (cart * cos2 + pull2),
    )  # fmt: skip


@register_jitable
def slope(a, b, c, d):
    """Weigh the four slopes of a Runge-Kutta step."""
    return (a + 2.0 * (b + c) + d) * (1.0 / 6.0)


@register_jitable
def integrate_one(state, force, friction, h):
    """Advance cart and pole by `h` seconds: one step of fourth-order Runge-Kutta."""
    x, v, a, w = state[0], state[1], state[2], state[3]
    half = 0.5 * h
    vd1, wd1 = accelerations_one(force, friction, v, a, w)
    v2, w2 = v + half * vd1, w + half * wd1
    vd2, wd2 = accelerations_one(force, friction, v2, a + half * w, w2)
    v3, w3 = v + half * vd2, w + half * wd2
    vd3, wd3 = accelerations_one(force, friction, v3, a + half * w2, w3)
    v4, w4 = v + h * vd3, w + h * wd3
    vd4, wd4 = accelerations_one(force, friction, v4, a + h * w3, w4)
    state[0], state[1] = x + h * slope(v, v2, v3, v4), v + h * slope(vd1, vd2, vd3, vd4)
    state[2], state[3] = a + h * slope(w, w2, w3, w4), w + h * slope(wd1, wd2, wd3, wd4)


@register_jitable
def integrate_two(state, force, friction, h):
    """Advance cart and both poles by `h` seconds: one step of fourth-order Runge-Kutta."""
    x, v, a, w, b, u = state[0], state[1], state[2], state[3], state[4], state[5]
    half = 0.5 * h
    vd1, wd1, ud1 = accelerations_two(force, friction, v, a, w, b, u)
    v2, w2, u2 = v + half * vd1, w + half * wd1, u + half * ud1
    vd2, wd2, ud2 = accelerations_two(force, friction, v2, a + half * w, w2, b + half * u, u2)
    v3, w3, u3 = v + half * vd2, w + half * wd2, u + half * ud2
    vd3, wd3, ud3 = accelerations_two(force, friction, v3, a + half * w2, w3, b + half * u2, u3)
    v4, w4, u4 = v + h * vd3, w + h * wd3, u + h * ud3
    vd4, wd4, ud4 = accelerations_two(force, friction, v4, a + h * w3, w4, b + h * u3, u4)
    state[0], state[1] = x + h * slope(v, v2, v3, v4), v + h * slope(vd1, vd2, vd3, vd4)
    state[2], state[3] = a + h * slope(w, w2, w3, w4), w + h * slope(wd1, wd2, wd3, wd4)
    state[4], state[5] = b + h * slope(u, u2, u3, u4), u + h * slope(ud1, ud2, ud3, ud4)


@register_jitable
def balance_one(state, action):
    """Push for 0.02 s and say whether the pole still stands."""
    force = limited(action[0])
    integrate_one(state, force, FRICTION, SUBSTEP)
    integrate_one(state, force, FRICTION, SUBSTEP)
    return abs(state[0]) <= X_LIMIT and abs(state[2]) <= ONE_POLE_LIMIT


@register_jitable
def balance_two(state, action):
    """Push for 0.02 s and say whether both poles still stand."""
    force = limited(action[0])
    integrate_two(state, force, FRICTION, SUBSTEP)
    integrate_two(state, force, FRICTION, SUBSTEP)
    return (
        abs(state[0]) <= X_LIMIT
        and abs(state[2]) <= TWO_POLES_LIMIT
        and abs(state[4]) <= TWO_POLES_LIMIT
    )


@kernel_function(STEP)
def step_one(state, action):
    """Push with a force in newtons; a decision after which the pole stands counts 1."""
    standing = balance_one(state, action)
    return 1.0 if standing else 0.0, not standing


@kernel_function(STEP)
def step_two(state, action):
    """Push with a force in newtons; a decision after which both poles stand counts 1."""
    standing = balance_two(state, action)
    return 1.0 if standing else 0.0, not standing


@register_jitable
def grade(balanced, moved):
    """Return the damping fitness; see `damping_fitness`."""
    calm = 0.75 / max(moved, 0.75) if balanced >= WINDOW else 0.0
    return 0.1 * balanced / TRIAL + 0.9 * calm


@kernel_function(STEP)
def step_two_damped(state, action):
    """Push with a force in newtons; see `pole_balancing` for what counts."""
    standing = balance_two(state, action)
    balanced = state[TIME]
    if balanced >= TRIAL:
        if not standing:
            return 0.0, True
        balanced += 1.0
        state[TIME] = balanced
        # At the goal, what the trial fell short of is made up for.
        return 1.0 + TRIAL - state[RING] if balanced == state[GOAL] else 1.0, False
    if standing:
        movement = abs(state[0]) + abs(state[1]) + abs(state[2]) + abs(state[3])
        state[RING + int(balanced) % WINDOW] = movement
        balanced += 1.0
        state[TIME] = balanced
        if balanced < TRIAL:
            return 0.0, False
    moved = 0.0
    for i in range(WINDOW):
        moved += state[RING + i]
    # A whole number of 2**-20, so that no sum of rewards is ever rounded.
    score = math.floor(grade(balanced, moved) * TRIAL * 1048576.0) / 1048576.0
    state[RING] = score
    return score, not standing


def damping_fitness(movements: Sequence[float]) -> float:
    """Fitness of a trial of at most 1,000 steps: long and calm is good (Gruau et al. 1996).

    It is ``0.1 t / 1000 + 0.9 f``. Here f is 0 if t < 100 and otherwise 0.75 over the sum of the
    last 100 movements, but at most 1: Gruau's f has no bound and rewards a controller that is
    calmer than any use has for more than all the rest.

    Parameters
    ----------
    movements : sequence of float
        ``|x| + |x_dot| + |theta1| + |theta1_dot|`` after each of the t steps balanced.

    Returns
    -------
    float
        From 0 to 1.

    Examples
    --------
    >>> damping_fitness([0.25] * 50), damping_fitness([0.25] * 500), damping_fitness([0.0] * 1000)
    (0.005, 0.077, 1.0)
    """
    return float(grade(len(movements), sum(movements[-WINDOW:])))


@kernel_function(OBSERVE)
def observe_all(state, observation):
    """Show the positions and velocities, as many as are observed."""
    for i in range(len(observation)):
        observation[i] = state[i]


@kernel_function(OBSERVE)
def observe_positions(state, observation):
    """Show the positions only."""
    for i in range(len(observation)):
        observation[i] = state[2 * i]


def _begin(
    state: tuple[float, ...], half_ranges: tuple[float, ...], rng: np.random.Generator
) -> NDArray[np.float64]:
    begun = np.array(state)
    count = len(half_ranges)
    begun[:count] += rng.uniform(-1.0, 1.0, count) * half_ranges
    return begun


def pole_balancing(
    name: str,
    *,
    poles: int = 2,
    velocities: bool = True,
    damping: bool = False,
    start_degrees: float | None = None,
    spread: bool = False,
    max_steps: int = 100_000,
) -> CompiledTask:
    """Make a pole-balancing task.

    Cart of 1 kg, poles of 1 m and 0.1 kg and of 0.1 m and 0.01 kg, friction 5e-4 on the track and
    2e-6 in the hinges. A decision sets the force on the cart for 0.02 s, integrated by two
    fourth-order Runge-Kutta steps. Forces are clipped to +-10 N and smaller ones than 10/256 N
    raised to that, so that nothing balances by not pushing; a force of 0 counts as one to the
    right. The episode ends when the cart is more than 2.4 m from the middle or a pole leans more
    than 12 degrees (one pole) or 36 degrees (two).

    Every episode starts alike: the long pole leans, all else is 0; or, with `spread`, anywhere in
    the range of cart and long pole that the test of generality covers (`HALF_RANGES`). The score
    is the number of decisions after which nothing had failed, and solved is `max_steps` of them.
    With `damping` it is made of two parts:

    * the first 1,000 steps are a trial. They pay nothing until they are over, at a failure or
      after all of them, and then 1,000 times the `damping_fitness`: at most 1,000;
    * each later step balanced pays 1, and the last one also what the trial fell short of 1,000.

    So with damping, too, a controller scores `max_steps` if it balances for as long, and less if
    not; until then, what outlasts the trial scores its steps less what it moved too much. Playing
    the task with ``max_steps=1000`` gives the trial alone, which the literature selects by.

    Parameters
    ----------
    name : str
    poles : int
        1 or 2.
    velocities : bool
        Whether velocities are observed; without them, a controller needs a memory.
    damping : bool
        Whether calm counts too: otherwise swinging fast from side to side balances without
        knowing velocities. For two poles.
    start_degrees : float, optional
        Angle of the long pole at the start: 4 in Gomez et al. and if left out, 1 in Stanley &
        Miikkulainen (2002). Not beside `spread`.
    spread : bool
        Whether starts are drawn, from all of the ranges alike. For two poles.
    max_steps : int

    Returns
    -------
    CompiledTask
        `scale` is where the episode fails for positions, and 2 m/s or rad/s for velocities,
        as in the program of Stanley & Miikkulainen.

    Examples
    --------
    >>> task = pole_balancing("one-degree", velocities=False, start_degrees=1.0)
    >>> task.observations, task.state_size
    (('x', 'theta1', 'theta2'), 6)
    """
    if whole(poles, "poles", 1, 2) == 1 and damping:
        raise wrong("damping", "False for one pole", damping)
    if spread and poles == 1:
        raise wrong("spread", "False for one pole", spread)
    if spread and start_degrees is not None:
        raise wrong("start_degrees", "none beside spread", start_degrees)
    whole(max_steps, "max_steps", TRIAL + 1 if damping else 1, 1_000_000_000)
    limit = ONE_POLE_LIMIT if poles == 1 else TWO_POLES_LIMIT
    degrees = 4.0 if start_degrees is None else start_degrees
    lean = math.radians(real(degrees, "start_degrees", -math.degrees(limit), math.degrees(limit)))
    pole_names = ("theta",) if poles == 1 else ("theta1", "theta2")
    names = [n for p in ("x", *pole_names) for n in (p, f"{p}_dot")]
    scale = (X_LIMIT, 2.0, limit, 2.0, limit, 2.0)[: len(names)]
    every = 1 if velocities else 2
    start = (0.0, 0.0, 0.0 if spread else lean, 0.0, 0.0, 0.0)[: len(names)]
    if damping:
        start += (0.0, float(max_steps)) + (0.0,) * WINDOW
    return CompiledTask(
        name=name,
        observations=tuple(names[::every]),
        scale=scale[::every],
        actions=Box((-MAX_FORCE,), (MAX_FORCE,)),
        max_steps=max_steps,
        solved_at=float(max_steps),
        worst=0.0,
        source="Wieland 1991; Gomez, Schmidhuber & Miikkulainen, JMLR 2008"
        + ("; damping fitness of Gruau, Whitley & Pyeatt 1996" if damping else ""),
        symmetry=Symmetry((-1,) * len(names[::every])),
        reset=partial(_begin, start, HALF_RANGES if spread else ()),
        observe=observe_all if velocities else observe_positions,
        step=step_one if poles == 1 else step_two_damped if damping else step_two,
    )


SINGLE_POLE = pole_balancing("single-pole", poles=1)
SINGLE_POLE_NO_VELOCITY = pole_balancing("single-pole-no-velocity", poles=1, velocities=False)
DOUBLE_POLE = pole_balancing("double-pole")
DOUBLE_POLE_NO_VELOCITY = pole_balancing("double-pole-no-velocity", velocities=False, damping=True)
