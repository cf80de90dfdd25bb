//! A dual-energy transmission scan of a container, with its truth.
//!
//! `Scene -> areal densities -> transmission at two energies (Beer-Lambert) -> quanta (Poisson) -> 16-bit samples`.

use ndarray::{Array2, ArrayViewMut1};

use super::Synthetic;
use super::material::Material;
use super::rng::Rng;
use super::scene::{Block, HEIGHT, LENGTH, Scene};

/// Name and version of this simulator.
pub const MODEL: &str = "carnet-cargo-scan/1";

/// Most pixels that one simulated scan may have.
pub const MAX_PIXELS: usize = 1 << 26;

/// The scanner.
#[derive(Debug, Clone, PartialEq)]
pub struct Scanner {
    /// Columns, along the container.
    pub columns: usize,
    /// Rows, upwards; row 0 is the top.
    pub rows: usize,
    /// Effective energies of the low and the high beam, keV. A bremsstrahlung beam's mean is about a third of its
    /// end point, so 6 MV and 9 MV beams count as 2 and 3 MeV.
    pub energies: [f64; 2],
    /// Quanta that a pixel counts in air, at each energy: 40,000 is a signal-to-noise ratio of 200.
    pub air_quanta: f64,
    /// Sample value that air gives; at most 65,535.
    pub air_level: f64,
    /// Standard deviation of the electronic noise, in sample values.
    pub electronic_noise: f64,
    /// Relative amplitude of the gantry's wobble: the beam misses part of the detector, a whole column dims. 0 is none.
    pub wobble: f64,
}

impl Default for Scanner {
    fn default() -> Self {
        Self {
            columns: 2000,
            rows: 600,
            energies: [2000.0, 3000.0],
            air_quanta: 40_000.0,
            air_level: 60_000.0,
            electronic_noise: 8.0,
            wobble: 0.0,
        }
    }
}

/// Why a scan could not be simulated. The caller's fault, both.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// No pixels, or more than [`MAX_PIXELS`].
    #[error("a simulated scan has 1 to {MAX_PIXELS} pixels: choose fewer rows or columns")]
    Size,
    /// A number of the scanner or the scene is not finite, negative, or out of its range.
    #[error("{0} of the simulated scan is not a usable number")]
    Number(&'static str),
}

/// One true thing in the scene and where it is seen.
#[derive(Debug, Clone, PartialEq)]
pub struct TruthObject {
    /// What it is.
    pub material: Material,
    /// Areal density along the beam, g/cm².
    pub areal_density: f64,
    /// Bounding box in pixels: first row, first column, one past the last row, one past the last column.
    pub pixels: [usize; 4],
    /// Whether a true declaration of the load names it.
    pub declared: bool,
}

/// A simulated scan. Both planes are `[row, column]`, air-normalised to [`Scanner::air_level`] but for the wobble.
#[derive(Debug, Clone, PartialEq)]
pub struct DualEnergyScan {
    /// The mark that must travel with these data.
    pub synthetic: Synthetic,
    /// Samples at the low energy.
    pub low: Array2<u16>,
    /// Samples at the high energy.
    pub high: Array2<u16>,
    /// Code of the material that has the most areal density in each pixel, the container's own steel left out
    /// ([`Material::code`]); 0 where there is no load.
    pub truth: Array2<u8>,
    /// The load's blocks, in the scene's order; those outside the view are left out.
    pub objects: Vec<TruthObject>,
    /// Pixel pitch along the container and upwards, mm.
    pub pitch: [f64; 2],
}

/// Scans `scene`. The same scanner, scene and seed give the same scan.
///
/// # Errors
/// [`ScanError`] if the size or a number of the scanner or the scene cannot be used.
pub fn scan(scanner: &Scanner, scene: &Scene, seed: u64) -> Result<DualEnergyScan, ScanError> {
    check(scanner, scene)?;
    let (rows, columns) = (scanner.rows, scanner.columns);
    let view = View::of(scanner);
    let objects: Vec<TruthObject> = scene.blocks.iter().filter_map(|block| view.object(block)).collect();

    let mut root = Rng::new(seed);
    let gains = wobble(scanner, &mut root.fork(1));
    let mut texture = root.fork(2);
    let mut noise = root.fork(3);

    // Areal density by material code, a plane each that the scene uses; f32 is far finer than the noise.
    let mut planes: Vec<Option<Array2<f32>>> = vec![None; Material::ALL.len() + 1];
    for object in &objects {
        let plane = planes[usize::from(object.material.code())].get_or_insert_with(|| Array2::zeros((rows, columns)));
        // Goods are not uniform: a slow wave of 5 % over the block, its phase drawn.
        let (p, q) = (texture.between(0.0, 6.3), texture.between(0.0, 6.3));
        let [r0, c0, r1, c1] = object.pixels;
        for r in r0..r1 {
            let down = (p + r as f64 * 0.11).sin();
            for c in c0..c1 {
                let wave = 1.0 + 0.025 * (down + (q + c as f64 * 0.07).sin());
                plane[[r, c]] += (object.areal_density * wave) as f32;
            }
        }
    }
    let mu = |material: Material| scanner.energies.map(|energy| material.attenuation(energy));
    let loads: Vec<(u8, [f64; 2], Array2<f32>)> =
        Material::ALL.into_iter().filter_map(|m| planes[usize::from(m.code())].take().map(|plane| (m.code(), mu(m), plane))).collect();
    let (steel_mu, wood_mu) = (mu(Material::Iron), mu(Material::Cellulose));

    let mut low = Array2::zeros((rows, columns));
    let mut high = Array2::zeros((rows, columns));
    let mut truth = Array2::zeros((rows, columns));
    for r in 0..rows {
        let y = view.y(r);
        let mut planes: [ArrayViewMut1<'_, u16>; 2] = [low.row_mut(r), high.row_mut(r)];
        for c in 0..columns {
            let (steel, wood) = Scene::container(view.x(c), y);
            let mut depth: [f64; 2] = std::array::from_fn(|e| steel * steel_mu[e] + wood * wood_mu[e]);
            let mut most = 0.0;
            for (code, mu, plane) in &loads {
                let density = plane[[r, c]];
                if density > most {
                    most = density;
                    truth[[r, c]] = *code;
                }
                depth[0] += f64::from(density) * mu[0];
                depth[1] += f64::from(density) * mu[1];
            }
            for (plane, depth) in planes.iter_mut().zip(depth) {
                let quanta = noise.poisson(scanner.air_quanta * gains[c] * (-depth).exp()) as f64;
                let value = quanta * (scanner.air_level / scanner.air_quanta) + scanner.electronic_noise * noise.normal();
                plane[c] = value.round().clamp(0.0, 65_535.0) as u16;
            }
        }
    }
    Ok(DualEnergyScan { synthetic: Synthetic { model: MODEL, seed }, low, high, truth, objects, pitch: [view.pitch_x, view.pitch_y] })
}

fn check(scanner: &Scanner, scene: &Scene) -> Result<(), ScanError> {
    match scanner.rows.checked_mul(scanner.columns) {
        Some(1..=MAX_PIXELS) => {}
        _ => return Err(ScanError::Size),
    }
    let within = |value: f64, low: f64, high: f64, name| {
        if (low..=high).contains(&value) { Ok(()) } else { Err(ScanError::Number(name)) }
    };
    scanner.energies.iter().try_for_each(|&e| within(e, 30.0, 6_000.0, "the beam's energy"))?;
    within(scanner.air_quanta, 1.0, 1e9, "the count in air")?;
    within(scanner.air_level, 1.0, 65_535.0, "the level of air")?;
    within(scanner.electronic_noise, 0.0, 65_535.0, "the electronic noise")?;
    within(scanner.wobble, 0.0, 0.5, "the wobble")?;
    for b in &scene.blocks {
        within(b.areal_density(), 0.0, 1e6, "a block's density")?;
        for size in [b.x, b.y, b.width, b.height] {
            within(size, -1e6, 1e6, "a block's place")?;
        }
    }
    Ok(())
}

/// Gain of each column: a slow sway and a jitter, smooth as a heavy boom is.
fn wobble(scanner: &Scanner, rng: &mut Rng) -> Vec<f64> {
    let (phase, period) = (rng.between(0.0, 6.3), rng.between(60.0, 180.0));
    let mut jitter = 0.0;
    (0..scanner.columns)
        .map(|c| {
            jitter = 0.9 * jitter + 0.2 * rng.normal();
            let sway = (phase + c as f64 * std::f64::consts::TAU / period).sin();
            (1.0 - scanner.wobble * (0.5 + 0.5 * sway + 0.1 * jitter)).clamp(0.0, 1.0)
        })
        .collect()
}

/// From millimetres of the scene to pixels: the container fills the view but for a margin of air.
struct View {
    pitch_x: f64,
    pitch_y: f64,
    rows: usize,
    columns: usize,
}

impl View {
    /// Air left and right of the container, of its length; and above, of its height.
    const MARGIN: f64 = 0.03;

    fn of(scanner: &Scanner) -> Self {
        Self {
            pitch_x: LENGTH * (1.0 + 2.0 * Self::MARGIN) / scanner.columns as f64,
            pitch_y: HEIGHT * (1.0 + Self::MARGIN) / scanner.rows as f64,
            rows: scanner.rows,
            columns: scanner.columns,
        }
    }

    fn x(&self, column: usize) -> f64 {
        (column as f64 + 0.5) * self.pitch_x - LENGTH * Self::MARGIN
    }

    fn y(&self, row: usize) -> f64 {
        (self.rows as f64 - row as f64 - 0.5) * self.pitch_y
    }

    /// The block as it is seen; none if not a pixel's centre lies in it.
    fn object(&self, block: &Block) -> Option<TruthObject> {
        let clip = |v: f64, len: usize| v.round().clamp(0.0, len as f64) as usize;
        let left = block.x + LENGTH * Self::MARGIN;
        let base = block.y + Scene::FLOOR_TOP;
        let c0 = clip(left / self.pitch_x, self.columns);
        let c1 = clip((left + block.width) / self.pitch_x, self.columns);
        let r0 = clip(self.rows as f64 - (base + block.height) / self.pitch_y, self.rows);
        let r1 = clip(self.rows as f64 - base / self.pitch_y, self.rows);
        (r0 < r1 && c0 < c1).then(|| TruthObject {
            material: block.material,
            areal_density: block.areal_density(),
            pixels: [r0, c0, r1, c1],
            declared: block.declared,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    fn small() -> Scanner {
        Scanner { columns: 200, rows: 60, ..Scanner::default() }
    }

    fn mean(plane: &Array2<u16>, [r0, c0, r1, c1]: [usize; 4]) -> f64 {
        window(plane, [r0, c0, r1, c1]).mean().unwrap()
    }

    // `ndarray::s!` does not build under `forbid(unsafe_code)`.
    fn window(plane: &Array2<u16>, [r0, c0, r1, c1]: [usize; 4]) -> Array2<f64> {
        Array2::from_shape_fn((r1 - r0, c1 - c0), |(r, c)| f64::from(plane[[r0 + r, c0 + c]]))
    }

    fn block(material: Material, areal: f64) -> Scene {
        let block = Block {
            material,
            density: areal / 100.0,
            x: 4_000.0,
            y: 400.0,
            width: 4_000.0,
            height: 1_500.0,
            depth: 1_000.0,
            declared: true,
        };
        Scene { blocks: vec![block] }
    }

    #[test]
    fn a_seed_gives_one_scan() {
        let scene = Scene::loaded(3).with_concealed(Material::Lead, 60.0, 3);
        assert_eq!(Scene::loaded(3), Scene::loaded(3));
        let first = scan(&small(), &scene, 5).unwrap();
        assert_eq!(first, scan(&small(), &scene, 5).unwrap());
        assert_ne!(first.low, scan(&small(), &scene, 6).unwrap().low);
        assert_eq!(first.synthetic.to_string(), "synthetic: carnet-cargo-scan/1 seed 5");
        assert_eq!(first.objects.iter().filter(|o| !o.declared).count(), 1);
        assert!(first.truth.iter().any(|&code| code == Material::Lead.code()));
    }

    #[test]
    fn air_has_the_stated_level_and_noise() {
        let got = scan(&Scanner { rows: 400, columns: 400, ..small() }, &Scene::empty(), 1).unwrap();
        let air = window(&got.low, [0, 0, 400, 10]);
        let (mean, deviation) = (air.mean().unwrap(), air.std(1.0));
        assert!((mean - 60_000.0).abs() < 30.0, "{mean}");
        // Counting noise 60,000 / 200 = 300, electronics 8 on top.
        assert!((deviation - 300.1).abs() < 12.0, "{deviation}");
        assert!(got.truth.iter().all(|&code| code == 0));
    }

    #[test]
    fn attenuation_grows_with_the_load_and_follows_beer_lambert() {
        let place = [20, 75, 40, 125];
        let wall = mean(&scan(&small(), &Scene::empty(), 2).unwrap().low, place);
        let mut last = wall;
        for areal in [5.0, 20.0, 60.0, 120.0] {
            let got = scan(&small(), &block(Material::Iron, areal), 2).unwrap();
            let value = mean(&got.low, place);
            assert!(value < last, "{areal}: {value} after {last}");
            let depth = (wall / value).ln();
            let expected = areal * Material::Iron.attenuation(2000.0);
            // The goods' own waviness is 5 %.
            assert!((depth / expected - 1.0).abs() < 0.05, "{areal}: {depth} for {expected}");
            assert!(mean(&got.high, place) > value, "the high beam passes more");
            last = value;
        }
    }

    #[test]
    fn the_two_energies_tell_materials_apart() {
        let place = [20, 75, 40, 125];
        let empty = scan(&small(), &Scene::empty(), 4).unwrap();
        let ratio = |material| {
            let got = scan(&small(), &block(material, 40.0), 4).unwrap();
            let depth = |got: &Array2<u16>, empty| (mean(empty, place) / mean(got, place)).ln();
            depth(&got.low, &empty.low) / depth(&got.high, &empty.high)
        };
        let (light, iron, lead) = (ratio(Material::Polyethylene), ratio(Material::Iron), ratio(Material::Lead));
        assert!(light > iron + 0.03 && iron > lead + 0.03, "{light} {iron} {lead}");
    }

    #[test]
    fn wobble_dims_columns_at_both_energies_alike() {
        let got = scan(&Scanner { wobble: 0.2, ..small() }, &Scene::empty(), 9).unwrap();
        let column = |plane: &Array2<u16>, c: usize| plane.column(c).mapv(f64::from).mean().unwrap();
        let low: Vec<f64> = (0..6).map(|c| column(&got.low, c)).collect();
        for (c, level) in low.iter().enumerate() {
            assert!(*level < 60_500.0);
            assert!((level / column(&got.high, c) - 1.0).abs() < 0.01);
        }
    }

    #[test]
    fn sizes_and_numbers_are_bounded() {
        let edge = Scanner { rows: 1, columns: 1, ..small() };
        assert!(scan(&edge, &Scene::loaded(1), 1).is_ok());
        let none = Scanner { rows: 0, ..small() };
        assert_eq!(scan(&none, &Scene::empty(), 1), Err(ScanError::Size));
        let past = Scanner { rows: MAX_PIXELS + 1, columns: 1, ..small() };
        assert_eq!(scan(&past, &Scene::empty(), 1), Err(ScanError::Size));
        let wrong = Scanner { air_quanta: f64::NAN, ..small() };
        assert_eq!(scan(&wrong, &Scene::empty(), 1), Err(ScanError::Number("the count in air")));
    }
}
