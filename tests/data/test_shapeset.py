import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from xavier_cli.data import polygons, shapeset

KEY = jax.random.key(2010)
BULK = 60_000
CHUNK = 2_000
SHARES = (
    [1 / 6] * 3 + [1 / 9] * 3 + [1 / 18] * 3
)  # PAPER §1.1: three singles, three mixed pairs, three equal ones


def drawn(key, first, count):
    """Pixels, labels and the scene: together, so that XLA compiles what they share once."""
    return *shapeset.images(key, first, count), shapeset.scenes(key, first, count)


draw = jax.jit(drawn, static_argnums=2)


# --- the slow twin: explicit corners, float64, one object at a time ----------------------------------------


def regular_polygon(n):
    """Corners `(n, 2)` on the circle of radius ½, its base level."""
    angle = 2 * np.pi * (np.arange(n) / n + 1 / (2 * n) + 1 / 4)
    return 0.5 * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def turned(corners, angle):
    c, s = math.cos(angle), math.sin(angle)
    return corners @ np.array([[c, s], [-s, c]])


def corners_of(scene, i, k):
    pose = [float(a[k, i]) for a in scene.pose]
    corners = regular_polygon(polygons.VERTICES[int(scene.form.kind[k, i])])
    return corners @ np.array([[pose[0], pose[2]], [pose[1], pose[3]]]) + pose[4:]


def polygon_area(corners):
    x, y = corners.T
    return 0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def covered(corners):
    """`(32, 32)` bool: pixel centres inside the convex polygon, by the side of every edge they lie on."""
    y, x = np.mgrid[0:32, 0:32] + 0.5
    edge = np.roll(corners, -1, axis=0) - corners
    side = [ex * (y - cy) - ey * (x - cx) for (cx, cy), (ex, ey) in zip(corners, edge, strict=True)]
    return np.all(np.array(side) >= 0, axis=0) | np.all(np.array(side) <= 0, axis=0)


def painted(scene, i):
    image = np.full((32, 32), int(scene.background[i]))
    for k in range(2):
        if scene.present[k, i]:
            image[covered(corners_of(scene, i, k))] = int(scene.grey[k, i])
    return image.reshape(-1)


def too_much_hidden(back, front):
    """The paper's overlap rule on corners: `back` and `front` are (corners, centre)."""
    (back, back_centre), (front, front_centre) = back, front
    line = front_centre - back_centre
    d = np.linalg.norm(line)
    p = ((back - back_centre) @ line).max() / d + ((front - front_centre) @ -line).max() / d
    return p >= d and polygon_area(front) / polygon_area(back) * (1 - 2 ** (-(p - d) / d)) > 0.5


def placed(kind, before, turn, words):
    """Corners and centre from a random block, step by step in the order of PAPER §1.1."""
    one, other, across, down = ((int(h) + 0.5) / 65536 for w in words for h in (w >> 16, w & 0xFFFF))
    sx, sy = sorted((32 * (0.2 + 0.6 * one), 32 * (0.2 + 0.6 * other)), reverse=True)
    corners = turned(regular_polygon(polygons.VERTICES[kind]), before) * [sx, sy]
    corners = turned(turned(corners, -math.atan(sy / sx * math.tan(before))), turn)
    low, high = 1 - corners.min(axis=0), 31 - corners.max(axis=0)
    centre = low + (high - low) * [across, down]
    return corners + centre, centre


def words_of(key, columns, count):
    """Every image's random words of every column, `(columns, count, 2)`."""
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(columns))
    blocks = jax.vmap(jax.vmap(jax.random.fold_in, (None, 0)), (0, None))(keys, jnp.arange(count))
    return np.asarray(jax.random.key_data(blocks))


# --- bulk statistics ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bulk():
    """60,000 images: pixels, labels and the scenes they show, in NumPy."""
    chunks = [jax.tree.map(np.asarray, draw(KEY, i, CHUNK)) for i in range(0, BULK, CHUNK)]
    pixels, labels = (np.concatenate([chunk[k] for chunk in chunks]) for k in range(2))
    return (
        pixels,
        labels,
        jax.tree.map(lambda *a: np.concatenate(a, axis=-1), *(chunk[2] for chunk in chunks)),
    )


def test_classes_come_as_often_as_two_uniform_draws_make_them(bulk):
    _, labels, _ = bulk
    share = np.bincount(labels, minlength=9) / BULK

    sd = np.sqrt(np.array(SHARES) * (1 - np.array(SHARES)) / BULK)
    assert np.all(np.abs(share - SHARES) < 4.5 * sd)


def test_label_names_the_objects_that_are_there(bulk):
    _, labels, scene = bulk
    names = ["0", "1", "2", "01", "12", "02", "00", "11", "22"]
    kinds = scene.form.kind.T

    expected = [
        "".join(map(str, sorted(kind[: 1 + two]))) for kind, two in zip(kinds, scene.present[1], strict=True)
    ]
    assert [names[label] for label in labels] == expected


def test_objects_have_the_papers_areas(bulk):
    _, _, scene = bulk
    areas = np.asarray(polygons.area(scene.form.kind, scene.pose))[scene.present]

    assert areas.mean() == pytest.approx(123, abs=1.5)
    assert np.percentile(areas, [5, 50, 95]) == pytest.approx([35, 103, 284], abs=3)


def test_second_objects_hide_a_tenth_of_the_first(bulk):
    _, _, scene = bulk
    pairs = np.flatnonzero(scene.present[1])[:20_000]
    begin, end = jax.jit(jax.vmap(lambda *object: polygons.spans(*object, shapeset.SIDE)))(
        scene.form.kind[:, pairs], jax.tree.map(lambda a: a[:, pairs], scene.pose)
    )
    x = np.arange(shapeset.SIDE)
    first, second = (np.asarray(begin)[..., None] <= x) & (x <= np.asarray(end)[..., None])
    hidden = (first & second).sum((1, 2)) / first.sum((1, 2))

    assert np.mean(hidden > 0) == pytest.approx(0.59, abs=0.02)
    assert hidden.mean() == pytest.approx(0.10, abs=0.005)


def test_coded_pixels_have_the_moments_of_statistics_2(bulk):
    pixels, _, _ = bulk
    coded = pixels.astype(np.float32) * (2 / 255) - 1
    square = (coded**2).mean(axis=1)

    assert square.mean() == pytest.approx(0.3715, abs=0.005)
    assert coded.var(axis=1).mean() == pytest.approx(0.179, abs=0.004)
    assert square.std() == pytest.approx(0.25, abs=0.01)


def test_no_object_is_cut_or_touches_the_border(bulk):
    pixels, _, scene = bulk
    border = np.ones((32, 32), dtype=bool)
    border[1:-1, 1:-1] = False

    assert np.all(pixels[:, border.reshape(-1)] == scene.background[:, None])


def test_greys_lie_in_opposite_bands_and_differ(bulk):
    _, _, scene = bulk
    dark = scene.background <= 114
    (back, front) = scene.grey

    assert dark.mean() == pytest.approx(0.5, abs=0.01)
    assert set(np.unique(scene.background)) == {*range(115), *range(140, 256)}
    for grey in (back, front):
        assert set(np.unique(grey[dark])) == set(range(140, 256))
        assert set(np.unique(grey[~dark])) == set(range(115))
    assert np.all(back != front)


def test_whole_turn_has_255_steps(bulk):
    _, _, scene = bulk
    step = np.arctan2(scene.form.turn_sin, scene.form.turn_cos) / (2 * np.pi) * 255

    assert np.abs(step - np.rint(step)).max() < 1e-3
    count = np.bincount(np.rint(step).astype(int).ravel() % 255, minlength=255)
    assert len(count) == 255
    assert np.sum((count - count.mean()) ** 2) / count.mean() == pytest.approx(
        254, abs=5 * math.sqrt(2 * 254)
    )


def test_first_rotation_stays_within_half_a_symmetry_sector(bulk):
    _, _, scene = bulk
    angle = np.arctan2(scene.form.before_sin, scene.form.before_cos)

    for kind, n in enumerate(polygons.VERTICES):
        share = angle[scene.form.kind == kind] * n / np.pi
        assert np.abs(share).max() < 1
        assert np.abs(share).mean() == pytest.approx(0.5, abs=0.01)


# --- two ways, same answer ---------------------------------------------------------------------------------


def test_pixels_equal_the_point_in_polygon_twins(bulk):
    pixels, _, scene = bulk
    twin = np.stack([painted(scene, i) for i in range(1500)])

    assert np.mean(pixels[:1500] == twin) >= 0.9999


def test_scenes_equal_the_twin_that_tries_round_after_round(bulk):
    _, _, scene = bulk
    count = 1000
    words = words_of(KEY, 3 + shapeset.REJECTIONS, count)
    contents = (words[0, :, 0] >> 16) * 36 >> 16
    two = contents & 2 == 2
    angles = [
        np.arctan2(sin, cos).astype(float)[:, :count]
        for cos, sin in (
            (scene.form.before_cos, scene.form.before_sin),
            (scene.form.turn_cos, scene.form.turn_sin),
        )
    ]
    tries, errors = np.zeros(count, dtype=int), []
    for i in range(count):
        back_form, front_form = ((int(scene.form.kind[k, i]), *(a[k, i] for a in angles)) for k in range(2))
        back, front = placed(*back_form, words[2, i]), placed(*front_form, words[3, i])
        while two[i] and too_much_hidden(back, front):
            tries[i] += 1
            front = placed(*front_form, words[3 + tries[i], i])
        errors += [np.abs(found[0] - corners_of(scene, i, k)).max() for k, found in enumerate((back, front))]

    assert np.array_equal((contents >> 2) // 3, scene.form.kind[0, :count])
    assert np.array_equal((contents >> 2) % 3, scene.form.kind[1, :count])
    assert np.array_equal(scene.present[:, :count], [np.ones(count, dtype=bool), two])
    assert tries.max() > 9, "nobody had to wait for a second visit to the buffer"
    assert np.array_equal(tries, scene.tries[:count])
    assert max(errors) < 1e-4


def test_area_and_support_are_those_of_the_corners(bulk):
    _, _, scene = bulk
    area = np.asarray(polygons.area(scene.form.kind, scene.pose))
    direction = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    for kind, n in enumerate(polygons.VERTICES):
        reach = polygons.support(jnp.full(100, kind), *jnp.asarray(direction.T))
        assert np.allclose(reach, (regular_polygon(n) @ direction.T).max(axis=0), atol=1e-5)

    expected = [[polygon_area(corners_of(scene, i, k)) for i in range(100)] for k in range(2)]
    assert np.allclose(area[:, :100], expected, rtol=1e-4)


# --- a stream is a function of key and number --------------------------------------------------------------


def test_any_chunk_of_a_stream_is_the_same_bytes(bulk):
    """Also with a raw key, a traced start, strict promotion, and inside `shard_map` and `lax.map`."""
    starts = jnp.array([0, 1, 1990, 54_321], dtype=jnp.int32)
    spec = jax.sharding.PartitionSpec("member")
    mesh = jax.make_mesh((1,), ("member",), axis_types=(jax.sharding.AxisType.Auto,))

    @jax.jit
    @partial(jax.shard_map, mesh=mesh, in_specs=spec, out_specs=spec)
    def chunks(starts):
        return jax.lax.map(lambda first: drawn(jax.random.key_data(KEY), first, 37), starts)

    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        pixels, labels, scenes = chunks(starts)
    for i, first in enumerate(starts.tolist()):
        there = slice(first, first + 37)
        assert np.array_equal(pixels[i], bulk[0][there])
        assert np.array_equal(labels[i], bulk[1][there])
        for part, whole in zip(jax.tree.leaves(scenes), jax.tree.leaves(bulk[2]), strict=True):
            assert np.array_equal(part[i], whole[..., there])


def test_other_keys_draw_other_images(bulk):
    pixels, _, _ = bulk
    other = np.asarray(draw(jax.random.key(2011), 0, CHUNK)[0])

    assert np.mean(np.all(other == pixels[:CHUNK], axis=1)) < 0.01


def test_an_object_that_finds_no_place_is_given_up_after_fifty_rounds(bulk, monkeypatch):
    _, _, scene = bulk
    monkeypatch.setattr(shapeset, "refused", lambda back_form, back, *_: back.x > 0)  # always
    back_form, front_form = (shapeset.Form(*(a[k, :32] for a in scene.form)) for k in range(2))
    back = polygons.Pose(*(a[0, :32] for a in scene.pose))
    waiting = jnp.arange(32) % 2 == 0
    keys = jax.random.split(KEY, 3 + shapeset.REJECTIONS + 1)
    tries = shapeset._rounds(keys, jnp.arange(32, dtype=jnp.uint32), (back_form, back, front_form), waiting)

    assert np.array_equal(tries, np.where(waiting, shapeset.REJECTIONS, 0))


def test_label_of_an_image_whose_second_object_was_given_up_is_the_first_ones(bulk):
    _, _, scene = bulk
    alone = scene._replace(present=scene.present & [[True], [False]])

    assert np.array_equal(shapeset.labels(jax.tree.map(jnp.asarray, alone)), scene.form.kind[0])
