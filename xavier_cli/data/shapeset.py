"""Generates Shapeset-3×2 (PAPER §2.1): an endless stream of 32×32 images of one or two polygons, in JAX.

Image `i` of a stream is a pure function of the stream's key and of `i` alone, so any chunking gives the same
bytes. Its random words are threefry blocks, one per (column, image): `fold_in(fold_in(key, column), i)`.

    column 0, 1     what is there: objects, kinds, band, greys, rotations
    column 2        scale and position of the first object
    column 3 + r    scale and position of the second object in round r of its rejection

Every draw takes 16 bits (half a word): positions are finer than 0.0005 pixels, and no value of a discrete
draw is more than 0.4 % likelier than another.

Coordinates are pixels: x to the right, y down; pixel (column i, row j) covers [i, i+1) × [j, j+1) and belongs
to an object when its **centre** (i + ½, j + ½) lies in the polygon. Nothing is anti-aliased. The second
object is painted over the first; the label does not tell which is which.

Arrays carry the image axis last until pixels are painted: the arithmetic runs along images in full vectors.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from xavier_cli.data.polygons import VERTICES, Pose, area, per_kind, spans, support

SIDE = 32
"""Pixels per side of an image."""

ROTATIONS = 255
"""Steps of a whole turn."""

REJECTIONS = 50
"""Refused places after which the second object is given up: image and label then have one object."""

MARGIN = 1.0
"""Pixels between every corner and the border of the image."""

DARK, LIGHT = (0, 114), (140, 255)
"""Grey bands [0, 0.45] and [0.55, 1] of 255, first and last byte."""

SCALE = (0.2, 0.8)
"""Smallest and largest scale, in sides of the image: the diameter of the circle a polygon is inscribed in."""

LARGEST_OVERLAP = 0.5
"""The largest estimated share of the first object that the second may hide (see `refused`)."""

_PLACEMENT = 2  # first column of scales and positions
_COLUMNS = _PLACEMENT + 1 + REJECTIONS + 1
# Second objects refused in round 0 (20 % of the images) go to a buffer with room for one image in ten and try
# eight rounds at once; about half find a place in each. Passes of two sizes saved 5 % and took 40 % longer to
# compile.
_ROOM_SHARE, _ROUNDS_AT_ONCE = 10, 8


class Form(NamedTuple):
    """What the rejection of a place leaves as it was: the kind of an object and its two rotations."""

    kind: Array
    """`(..., images)` int32: 0 triangle, 1 parallelogram, 2 ellipse."""
    before_cos: Array
    """Cosine of the rotation before scaling (PAPER: r1), uniform within half a symmetry sector."""
    before_sin: Array
    turn_cos: Array
    """Cosine of the final rotation, one of `ROTATIONS` steps of a whole turn."""
    turn_sin: Array


class Scene(NamedTuple):
    """Everything drawn for a block of images. Leading axis 2: the object at the back, then the front one."""

    background: Array
    """`(images,)` int32 grey, 0..255."""
    grey: Array
    """`(2, images)` int32; the two greys of an image differ."""
    form: Form
    """Fields `(2, images)`."""
    pose: Pose
    """Fields `(2, images)`."""
    present: Array
    """`(2, images)` bool: the first object always is, the second in half of the images."""
    tries: Array
    """`(images,)` int32: how often the second object was refused; `REJECTIONS`: it was given up."""


def images(key: Array, first: Array | int, count: int) -> tuple[Array, Array]:
    """Images `first .. first + count - 1` of the stream `key`.

    **Arguments:** `key`, threefry, typed or raw; `first`, integer below 2³², traced or not; `count`, static.

    **Returns:** `(count, 1024)` uint8 grey levels, row by row from the top, and `(count,)` int32 labels 0..8:
    tri · quad · ell · tri+quad · quad+ell · tri+ell · tri+tri · quad+quad · ell+ell.
    """
    drawn = scenes(key, first, count)
    return paint(drawn), labels(drawn)


def labels(scene: Scene) -> Array:
    """Which objects are there, unordered: `(images,)` int32, 0..8 as in `images`."""
    back, front = scene.form.kind
    # Mixed pairs by the sum of their kinds: 1 tri+quad -> 3, 3 quad+ell -> 4, 2 tri+ell -> 5.
    mixed = jnp.where(back + front == 1, 3, jnp.where(back + front == 3, 4, 5))
    return jnp.where(scene.present[1], jnp.where(back == front, 6 + back, mixed), back)


# --- drawing a scene ---------------------------------------------------------------------------------------


def scenes(key: Array, first: Array | int, count: int) -> Scene:
    """What images `first .. first + count - 1` of the stream `key` show; arguments as in `images`.

    A refused second object draws its scale and position anew and keeps kind, grey and both rotations (so the
    author's generator does); the first object stays where it is.
    """
    if not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        key = jax.random.wrap_key_data(key, impl="threefry2x32")
    columns = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(_COLUMNS, dtype=jnp.uint32))
    index = jnp.uint32(first) + jnp.arange(count, dtype=jnp.uint32)
    shape = (_PLACEMENT + 2, count)
    words = _words(jnp.broadcast_to(columns[: shape[0], None], shape), jnp.broadcast_to(index[None], shape))

    contents, other_grey = _halves(words[0, :, 0])
    background, one_grey = _halves(words[1, :, 0])
    contents = _below(contents, 36)  # 2 bands × 2 counts × 3 kinds × 3 kinds
    light, two, kinds = contents & 1 == 1, contents & 2 == 2, contents >> 2
    kind = jnp.stack([kinds // 3, kinds % 3])
    dark_levels, light_levels = DARK[1] - DARK[0] + 1, LIGHT[1] - LIGHT[0] + 1
    background = jnp.where(
        light, LIGHT[0] + _below(background, light_levels), _below(background, dark_levels)
    )
    levels = jnp.where(light, dark_levels, light_levels)
    one_grey = _below(one_grey, levels)
    # Any other level of the band, all alike: the two objects of an image differ in grey (PAPER §1.1).
    other_grey = (one_grey + 1 + _below(other_grey, levels - 1)) % levels
    grey = jnp.stack([one_grey, other_grey]) + jnp.where(light, DARK[0], LIGHT[0])[None]

    # `lax.map` over the two objects makes a loop of each stage, and XLA never fuses across a loop: without it
    # every output repeats the whole chain of arithmetic before it (measured: 5 times slower).
    before = (2 * _unit(jnp.stack(_halves(words[1, :, 1]))) - 1) * per_kind(
        kind, [math.pi / n for n in VERTICES]
    )
    turn = _below(jnp.stack(_halves(words[0, :, 1])), ROTATIONS).astype(jnp.float32)
    angles = (before, turn * (2 * math.pi / ROTATIONS))
    form = Form(
        kind, *lax.map(lambda a: (jnp.cos(a[0]), jnp.sin(a[0]), jnp.cos(a[1]), jnp.sin(a[1])), angles)
    )
    pose = lax.map(lambda a: place(*a), (form, words[_PLACEMENT:]))
    back_form, front_form = (Form(*(a[k] for a in form)) for k in range(2))
    back, front = (Pose(*(a[k] for a in pose)) for k in range(2))

    waiting = two & refused(back_form, back, front_form, front)
    tries = _rounds(columns, index, (back_form, back, front_form), waiting)
    front = place(front_form, _words(columns[_PLACEMENT + 1 + tries], index))
    return Scene(
        background=background,
        grey=grey,
        form=form,
        pose=jax.tree.map(lambda a, b: jnp.stack([a, b]), back, front),
        present=jnp.stack([jnp.ones_like(two), two & (tries < REJECTIONS)]),
        tries=tries,
    )


def _rounds(columns: Array, index: Array, objects: tuple[Form, Pose, Form], waiting: Array) -> Array:
    """The round, `(images,)` int32, in which each second object finds a place: 0 where it is not `waiting`.

    The images that wait are gathered into a smaller buffer and try several rounds at once. Round r of an
    image is the same draw whoever else waits.
    """
    count = index.shape[0]

    # A small count gets more than its share: there the loop costs by its turns.
    room = min(count, -(-count // _ROOM_SHARE) + 8)

    def attempt(state: tuple[Array, Array]) -> tuple[Array, Array]:
        done, waiting = state
        (who,) = jnp.nonzero(waiting, size=room, fill_value=count)
        form, pose, new, number, begin = jax.tree.map(
            lambda a: jnp.take(a, who, mode="clip"), (*objects, index, done)
        )
        trial = begin[None] + jnp.arange(_ROUNDS_AT_ONCE, dtype=jnp.int32)[:, None]
        column = columns[jnp.minimum(_PLACEMENT + 1 + trial, _COLUMNS - 1)]
        words = _words(column, jnp.broadcast_to(number[None], trial.shape))
        form, pose, new = jax.tree.map(lambda a: jnp.broadcast_to(a[None], trial.shape), (form, pose, new))
        bad = refused(form, pose, new, place(new, words))
        end = jnp.min(jnp.where(bad, begin[None] + _ROUNDS_AT_ONCE, trial), axis=0)
        again = (end == begin + _ROUNDS_AT_ONCE) & (end < REJECTIONS)
        end = jnp.minimum(end, REJECTIONS)
        return done.at[who].set(end, mode="drop"), waiting.at[who].set(again, mode="drop")

    # Started from `waiting`, not from constants: inside `shard_map` the loop varies over devices as its body.
    start = (waiting.astype(jnp.int32), waiting)
    return lax.while_loop(lambda state: jnp.any(state[1]), attempt, start)[0]


def place(form: Form, words: Array) -> Pose:
    """Scale and position of an object from one random block, `words` `(..., 2)` uint32.

    Scales are sorted, sx ≥ sy; the object is turned by r1, scaled, turned back by atan(sy/sx · tan r1) so
    that its base is level again, then turned by its rotation. Its centre (the corners' mean) is uniform over
    the places that keep every corner `MARGIN` inside the image.
    """
    (one, other), (across, down) = _halves(words[..., 0]), _halves(words[..., 1])
    one, other = (SIDE * (SCALE[0] + (SCALE[1] - SCALE[0]) * _unit(half)) for half in (one, other))
    sx, sy = jnp.maximum(one, other), jnp.minimum(one, other)
    # The base's direction after r1 and scaling is (sx cos r1, sy sin r1): turning back needs no angle.
    base_x, base_y = sx * form.before_cos, sy * form.before_sin
    length = lax.rsqrt(base_x * base_x + base_y * base_y)
    back_cos, back_sin = base_x * length, base_y * length
    cos = form.turn_cos * back_cos + form.turn_sin * back_sin
    sin = form.turn_sin * back_cos - form.turn_cos * back_sin
    xx = cos * base_x - sin * base_y
    yx = sin * base_x + cos * base_y
    side_x, side_y = -sx * form.before_sin, sy * form.before_cos
    xy = cos * side_x - sin * side_y
    yy = sin * side_x + cos * side_y

    def inside(u: Array, v: Array, half: Array) -> Array:
        low = MARGIN + support(form.kind, -u, -v)
        high = SIDE - MARGIN - support(form.kind, u, v)
        return low + (high - low) * _unit(half)

    return Pose(xx, xy, yx, yy, inside(xx, xy, across), inside(yx, yy, down))


def refused(back_form: Form, back: Pose, front_form: Form, front: Pose) -> Array:
    """Whether the front object would hide too much of the one at the back (PAPER §1.1, overlap).

    d is the distance of the centres, p the sum of both largest projections on the line between them, each
    towards the other; f = 1 − 2^(−(p−d)/d) when p ≥ d; refused when area_front · f / area_back > ½.
    """
    dx, dy = front.x - back.x, front.y - back.y
    distance = jnp.maximum(jnp.sqrt(dx * dx + dy * dy), 1e-6)
    dx, dy = dx / distance, dy / distance
    reach = support(back_form.kind, back.xx * dx + back.yx * dy, back.xy * dx + back.yy * dy)
    reach += support(front_form.kind, -(front.xx * dx + front.yx * dy), -(front.xy * dx + front.yy * dy))
    factor = 1 - jnp.exp2(1 - reach / distance)
    return (reach >= distance) & (
        area(front_form.kind, front) * factor > LARGEST_OVERLAP * area(back_form.kind, back)
    )


def paint(scene: Scene) -> Array:
    """The pixels of a scene, `(images, 1024)` uint8 grey levels."""

    def rows(form: Form, present: Array, pose: Pose) -> tuple[Array, Array]:
        begin, end = spans(form.kind, pose, SIDE)
        return begin, jnp.where(present[:, None], end, -1)

    # One object at a time; the loop also keeps XLA from working out a row's span anew for each of its pixels.
    begin, end = lax.map(lambda a: rows(*a), (scene.form, scene.present, scene.pose))
    x = jnp.arange(SIDE, dtype=jnp.int8)[None, None]
    inside = [(x >= begin[k][..., None]) & (x <= end[k][..., None]) for k in range(2)]
    background, back, front = (
        grey.astype(jnp.uint8)[:, None, None] for grey in (scene.background, scene.grey[0], scene.grey[1])
    )
    return jnp.where(inside[1], front, jnp.where(inside[0], back, background)).reshape(-1, SIDE * SIDE)


# --- random words ------------------------------------------------------------------------------------------


def _words(columns: Array, index: Array) -> Array:
    """One threefry block, two uint32, per pair of column key and image number: `(*index.shape, 2)`."""
    blocks = jax.vmap(jax.random.fold_in)(columns.reshape(-1), index.reshape(-1))
    return jax.random.key_data(blocks).reshape(*index.shape, 2)


def _halves(words: Array) -> tuple[Array, Array]:
    """The upper and the lower 16 bits, int32."""
    return (words >> 16).astype(jnp.int32), (words & 0xFFFF).astype(jnp.int32)


def _below(half: Array, levels: Array | int) -> Array:
    """A 16-bit draw as an integer 0 .. levels − 1."""
    return (half * levels) >> 16


def _unit(half: Array) -> Array:
    """A 16-bit draw as a float32 in the middle of one of 65,536 equal parts of (0, 1)."""
    return (half.astype(jnp.float32) + 0.5) * (1 / 65536)
