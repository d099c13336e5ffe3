"""Proto."""
from typing import NamedTuple
import math
import jax
import jax.numpy as jnp
from jax import Array, lax

SIDE = 32
VERTICES = (3, 4, 20)
ROTATIONS = 255
REJECTIONS = 50
MARGIN = 1.0
ROUNDS_AT_ONCE = 4
SCENE_COLUMNS = 2

class Scene(NamedTuple):
    background: Array
    grey: Array
    kind: Array
    present: Array
    matrix: Array
    centre: Array

def _words(key, column, index):
    columns = jax.vmap(jax.random.fold_in, (None, 0))(key, column.astype(jnp.uint32))
    blocks = jax.vmap(jax.vmap(jax.random.fold_in, (None, 0)), (0, None))(columns, index)
    return jax.random.key_data(blocks)

def _words_flat(key, column, index):
    """column and index broadcast against each other: one block for each."""
    columns = jax.vmap(jax.random.fold_in, (None, 0))(key, column.astype(jnp.uint32))
    return jax.random.key_data(jax.vmap(jax.random.fold_in)(columns, index))

def _halves(words):
    return (words >> 16).astype(jnp.int32), (words & 0xFFFF).astype(jnp.int32)

def _below(half, n):
    return (half * n) >> 16

def _unit(half):
    return (half.astype(jnp.float32) + 0.5) * (1 / 65536)

def _per_kind(kind, values):
    return jnp.where(kind == 0, values[0], jnp.where(kind == 1, values[1], values[2]))

def _corner(kind, k):
    """cos, sin of k-th corner in folded quadrant"""
    cos, sin = [], []
    quad = math.radians(45)
    ell = math.radians(9 + 18 * k)
    tri = math.radians(30 if k == 0 else -90)
    return (_per_kind(kind, [math.cos(tri), math.cos(quad), math.cos(ell)]),
            _per_kind(kind, [math.sin(tri), math.sin(quad), math.sin(ell)]))

def _support(kind, u, v):
    """max over corners of u*cos + v*sin, (u, v) = M^T d"""
    u = jnp.abs(u)
    v = jnp.where(kind == 0, v, jnp.abs(v))
    reach = None
    for k in range(5):
        c, s = _corner(kind, k)
        here = u * c + v * s
        reach = here if reach is None else jnp.maximum(reach, here)
    return 0.5 * reach

class Shape(NamedTuple):
    kind: Array; cos1: Array; sin1: Array; cos3: Array; sin3: Array

def _place(shape, words):
    """-> matrix (2,2,...), centre (2,...), area-ish"""
    a, b = _halves(words[..., 0]); c, d = _halves(words[..., 1])
    s = SIDE * (0.2 + 0.6 * _unit(a)); t = SIDE * (0.2 + 0.6 * _unit(b))
    sx = jnp.maximum(s, t); sy = jnp.minimum(s, t)
    # turn back
    p = sx * shape.cos1; q = sy * shape.sin1
    r = lax.rsqrt(p * p + q * q)
    cb, sb = p * r, -q * r
    cos = shape.cos3 * cb - shape.sin3 * sb
    sin = shape.sin3 * cb + shape.cos3 * sb
    # M = R(cos, sin) diag(sx, sy) R(1)
    m00 = cos * sx * shape.cos1 - sin * sy * shape.sin1
    m01 = -cos * sx * shape.sin1 - sin * sy * shape.cos1
    m10 = sin * sx * shape.cos1 + cos * sy * shape.sin1
    m11 = -sin * sx * shape.sin1 + cos * sy * shape.cos1
    def inside(u, v, half):
        low = MARGIN + _support(shape.kind, -u, -v)
        high = SIDE - MARGIN - _support(shape.kind, u, v)
        return low + (high - low) * _unit(half)
    x = inside(m00, m01, c); y = inside(m10, m11, d)
    area = sx * sy * _per_kind(shape.kind, [n * math.sin(2 * math.pi / n) / (2 * math.pi) for n in VERTICES])
    return Placed(m00, m01, m10, m11, x, y, area)

class Placed(NamedTuple):
    m00: Array; m01: Array; m10: Array; m11: Array; x: Array; y: Array; area: Array

def _refused(kind1, one, kind2, two):
    dx, dy = two.x - one.x, two.y - one.y
    d = jnp.maximum(jnp.sqrt(dx * dx + dy * dy), 1e-6)
    ex, ey = dx / d, dy / d
    reach = (_support(kind1, one.m00 * ex + one.m10 * ey, one.m01 * ex + one.m11 * ey)
        + _support(kind2, -(two.m00 * ex + two.m10 * ey), -(two.m01 * ex + two.m11 * ey)))
    f = 1 - jnp.exp2(1 - reach / d)
    return (reach >= d) & (two.area * f > 0.5 * one.area)

def scene(key, first, count):
    index = jnp.asarray(first, jnp.uint32) + jnp.arange(count, dtype=jnp.uint32)
    w = _words(key, jnp.arange(SCENE_COLUMNS + 2), index)
    comp, fg2 = _halves(w[0, :, 0]); rot1, rot2 = _halves(w[0, :, 1])
    bg, fg1 = _halves(w[1, :, 0]); pre1, pre2 = _halves(w[1, :, 1])
    comp = _below(comp, 36)
    dark = (comp & 1) == 0
    two = (comp & 2) != 0
    kinds = comp >> 2
    kind1 = (kinds * 11) >> 5
    kind2 = kinds - 3 * kind1
    dark_back = _below(bg, 115); light_back = 140 + _below(bg, 116)
    n_fg = jnp.where(dark, 116, 115)
    g1 = _below(fg1, n_fg)
    g2 = g1 + 1 + _below(fg2, n_fg - 1)
    g2 = jnp.where(g2 >= n_fg, g2 - n_fg, g2)
    base = jnp.where(dark, 140, 0)
    background = jnp.where(dark, dark_back, light_back)
    kind = jnp.stack([kind1, kind2])
    pre = (_unit(jnp.stack([pre1, pre2])) * 2 - 1) * _per_kind(kind, [math.pi / n for n in VERTICES])
    turn = _below(jnp.stack([rot1, rot2]), ROTATIONS).astype(jnp.float32) * (2 * math.pi / ROTATIONS)
    trig = lax.map(lambda a: (jnp.cos(a[0]), jnp.sin(a[0]), jnp.cos(a[1]), jnp.sin(a[1])), (pre, turn))
    shape = Shape(kind, *trig)
    placed = lax.map(lambda a: _place(*a), (shape, w[SCENE_COLUMNS:]))
    one = jax.tree.map(lambda a: a[0], placed); second = jax.tree.map(lambda a: a[1], placed)
    shape2 = jax.tree.map(lambda a: a[1], shape)
    pending = two & _refused(kind1, one, kind2, second)
    return background, base + g1, base + g2, kind1, kind2, two, one, second, pending, shape2, index

def rounds(key, kind1, kind2, one, second, pending, shape2, index):
    count = index.shape[0]
    room = max(count // 8, min(count, 32))
    def body(state):
        round_, second, pending, dropped = state
        at = jnp.nonzero(pending, size=room, fill_value=count)[0]
        take = lambda a: jnp.take(a, at, mode="clip")[None]
        sh = jax.tree.map(take, shape2); o = jax.tree.map(take, one)
        r = take(round_) + jnp.arange(ROUNDS_AT_ONCE)[:, None]
        ii = jnp.broadcast_to(take(index), r.shape)
        w = _words_flat(key, (SCENE_COLUMNS + 1 + r).reshape(-1), ii.reshape(-1)).reshape(*r.shape, 2)
        cand = _place(sh, w)
        good = ~_refused(take(kind1), o, sh.kind, cand)
        good &= r < REJECTIONS
        pick = jnp.argmax(good, axis=0)
        found = good.any(axis=0)
        new = jax.tree.map(lambda a: jnp.take_along_axis(a, pick[None], 0)[0], cand)
        put = jnp.where(found, at, count)
        second = jax.tree.map(lambda a, b: a.at[put].set(b, mode="drop"), second, new)
        nr = r[0] + ROUNDS_AT_ONCE
        gone = ~found & (nr >= REJECTIONS)
        round_ = round_.at[at].set(nr, mode="drop")
        pending = pending.at[at].set(~found & ~gone, mode="drop")
        dropped = dropped.at[at].set(gone, mode="drop")
        return round_, second, pending, dropped
    r0 = jnp.where(pending, 1, 1)
    _, second, _, dropped = lax.while_loop(lambda s: s[2].any(), body, (r0, second, pending, pending & False))
    return second, dropped

def spans(kind, placed, present):
    det = placed.area
    m00, m01, m10, m11 = placed[:4]
    det = m00 * m11 - m01 * m10
    h = det * _per_kind(kind, [0.5 * math.cos(math.pi / n) for n in VERTICES])
    ms, los, his = [], [], []
    tri = kind == 0
    for k in range(10):
        ang = [math.pi / 2 + 2 * math.pi * k / 3, math.pi / 2 * k, math.pi / 2 + math.pi * k / 10]
        ux = _per_kind(kind, [math.cos(a) for a in ang]); uy = _per_kind(kind, [math.sin(a) for a in ang])
        nx = m11 * ux - m10 * uy; ny = m00 * uy - m01 * ux
        nx = jnp.where(jnp.abs(nx) < 1e-5, 1e-5, nx)
        ms.append(-ny / nx)
        los.append(jnp.where(tri & (nx > 0), 1e6, h) / jnp.abs(nx))
        his.append(jnp.where(tri & (nx < 0), 1e6, h) / jnp.abs(nx))
    dy = jnp.arange(SIDE) + 0.5 - placed.y[:, None]
    lo = hi = None
    for k in range(10):
        c = ms[k][:, None] * dy
        l = c - los[k][:, None]; u = c + his[k][:, None]
        lo = l if lo is None else jnp.maximum(lo, l)
        hi = u if hi is None else jnp.minimum(hi, u)
    x = placed.x[:, None] - 0.5
    start = jnp.ceil(jnp.clip(lo + x, 0, 32)); stop = jnp.floor(jnp.clip(hi + x, -1, 31))
    stop = jnp.where(present[:, None], stop, -1)
    return start.astype(jnp.int32).astype(jnp.int8), stop.astype(jnp.int32).astype(jnp.int8)

def fill(background, g1, g2, s1, w1, s2, w2):
    x = jnp.arange(SIDE, dtype=jnp.int8)
    b = lambda a: a[..., None]
    bb = lambda a: a.astype(jnp.uint8)[:, None, None]
    out = jnp.where((x >= b(s2)) & (x <= b(w2)), bb(g2), jnp.where((x >= b(s1)) & (x <= b(w1)), bb(g1), bb(background)))
    return out.reshape(-1, SIDE * SIDE)

def images(key, first, count, stage=9):
    background, g1, g2, kind1, kind2, two, one, second, pending, shape2, index = scene(key, first, count)
    if stage == 0:
        return background + g1 + g2 + kind1 + kind2, second, one, pending, shape2
    second, dropped = rounds(key, kind1, kind2, one, second, pending, shape2, index)
    two = two & ~dropped
    if stage == 1:
        return background + g1 + g2 + kind1 + kind2, second, one, two, shape2
    both = lambda a, b: jnp.stack([a, b])
    ss, ww = lax.map(lambda a: spans(*a), (both(kind1, kind2), jax.tree.map(both, one, second), both(two | True, two)))
    s1, s2 = ss; w1, w2 = ww
    if stage == 2:
        return background + g1 + g2 + kind1 + kind2, s1, s2, w1, w2
    px = fill(background, g1, g2, s1, w1, s2, w2)
    same = 6 + kind1; tot = kind1 + kind2
    mixed = jnp.where(tot == 1, 3, jnp.where(tot == 3, 4, 5))
    label = jnp.where(two, jnp.where(kind1 == kind2, same, mixed), kind1)
    return px, label
