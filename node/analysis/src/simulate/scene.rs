//! What stands in the scanner: a 40-foot container and its load, in millimetres, seen from the side.
//!
//! x runs along the container from its doors, y upwards from the ground, z through it along the beam.
//! Steel sizes follow ISO 1496-1 boxes as built: 1.6 mm corrugated walls, 28 mm plywood floor on cross members.

use super::material::Material;
use super::rng::Rng;

/// Outer length of a 40-foot container, mm (ISO 668, 1AAA).
pub const LENGTH: f64 = 12_192.0;
/// Outer height of a high-cube container, mm (ISO 668, 1AAA).
pub const HEIGHT: f64 = 2_896.0;
/// Inner width, along the beam, mm.
pub const INNER_WIDTH: f64 = 2_350.0;

const WALL: f64 = 1.6;
const CORRUGATION_PERIOD: f64 = 278.0;
const POST: f64 = 160.0;
const BOTTOM_RAIL: f64 = 160.0;
const TOP_RAIL: f64 = 60.0;
const FLOOR: f64 = 28.0;
/// Beam path in the floor's wood, mm. The floor lies along the beam; a real fan beam crosses it at a slant.
const FLOOR_PATH: f64 = 600.0;
const STEEL: f64 = 7.85;
const PLYWOOD: f64 = 0.65;

/// A box of one material.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// What it is made of.
    pub material: Material,
    /// Mean density of what fills it, packing included, g/cm³.
    pub density: f64,
    /// Left edge from the doors, mm.
    pub x: f64,
    /// Lower edge above the container's floor, mm.
    pub y: f64,
    /// Length along the container, mm.
    pub width: f64,
    /// Height, mm.
    pub height: f64,
    /// Extent along the beam, mm; at most the container's inner width.
    pub depth: f64,
    /// Whether the declaration of this load would name it.
    pub declared: bool,
}

impl Block {
    /// Areal density along the beam through the block's middle, g/cm².
    pub fn areal_density(&self) -> f64 {
        self.density * self.depth.min(INNER_WIDTH) / 10.0
    }
}

/// A container and what it holds. Blocks may overlap in the view: the beam crosses all of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scene {
    /// The load.
    pub blocks: Vec<Block>,
}

impl Scene {
    /// An empty container.
    pub fn empty() -> Self {
        Self::default()
    }

    /// A container stuffed with pallets of two to three goods, the choice drawn from `seed`.
    pub fn loaded(seed: u64) -> Self {
        // Material and bulk density (g/cm³) of everyday loads: bottled drinks, plastic goods, paper, garments,
        // aluminium parts, steel parts, copper cable. Bulk densities are of packed goods, not of the material.
        const GOODS: [(Material, f64, f64); 7] = [
            (Material::Water, 0.55, 0.75),
            (Material::Polyethylene, 0.12, 0.35),
            (Material::Cellulose, 0.35, 0.65),
            (Material::Cellulose, 0.15, 0.30),
            (Material::Aluminium, 0.20, 0.45),
            (Material::Iron, 0.30, 0.80),
            (Material::Copper, 0.25, 0.60),
        ];
        let mut rng = Rng::new(seed);
        let goods: [usize; 3] = std::array::from_fn(|_| rng.index(GOODS.len()));
        let mut blocks = Vec::new();
        let mut x = 150.0;
        while x + 1_200.0 < LENGTH - 150.0 {
            if rng.uniform() < 0.92 {
                let (material, low, high) = GOODS[goods[rng.index(goods.len())]];
                let density = rng.between(low, high);
                // A wooden pallet, 144 mm high and mostly air, below two to five layers of cartons.
                blocks.push(Block {
                    material: Material::Cellulose,
                    density: 0.12,
                    x,
                    y: 0.0,
                    width: 1_200.0,
                    height: 144.0,
                    depth: 2_000.0,
                    declared: true,
                });
                let (layers, columns) = (2 + rng.index(4), 2 + rng.index(3));
                let height = rng.between(300.0, 480.0);
                for layer in 0..layers {
                    for column in 0..columns {
                        let width = 1_200.0 / columns as f64;
                        // Cartons stand a few mm apart, so that their edges show.
                        blocks.push(Block {
                            material,
                            density: density * rng.between(0.95, 1.05),
                            x: x + column as f64 * width + 6.0,
                            y: 144.0 + layer as f64 * height + 4.0,
                            width: width - 12.0,
                            height: height - 8.0,
                            depth: rng.between(2_000.0, 2_250.0),
                            declared: true,
                        });
                    }
                }
            }
            x += 1_200.0 + rng.between(10.0, 60.0);
        }
        Self { blocks }
    }

    /// The same load with a dense undeclared block hidden in it, `areal_density` g/cm² of `material` along the beam.
    #[must_use]
    pub fn with_concealed(mut self, material: Material, areal_density: f64, seed: u64) -> Self {
        let mut rng = Rng::new(seed).fork(1);
        let depth = 400.0;
        self.blocks.push(Block {
            material,
            density: areal_density * 10.0 / depth,
            x: rng.between(600.0, LENGTH - 1_400.0),
            y: rng.between(200.0, 1_200.0),
            width: rng.between(200.0, 500.0),
            height: rng.between(150.0, 350.0),
            depth,
            declared: false,
        });
        self
    }

    /// Areal densities along the beam at (x, y): steel of the container and wood of its floor, g/cm².
    pub(crate) fn container(x: f64, y: f64) -> (f64, f64) {
        if !(0.0..LENGTH).contains(&x) || !(0.0..HEIGHT).contains(&y) {
            return (0.0, 0.0);
        }
        // Two walls; where the corrugation slopes (45 degrees) the path through each is longer by the root of two.
        let phase = (x / CORRUGATION_PERIOD).fract();
        let slope = if (0.25..0.37).contains(&phase) || (0.75..0.87).contains(&phase) { 2f64.sqrt() } else { 1.0 };
        let mut steel = 2.0 * WALL * slope;
        if !(POST..LENGTH - POST).contains(&x) {
            steel += 2.0 * 6.0;
        }
        if y < BOTTOM_RAIL {
            steel += 2.0 * 4.5;
            // Cross members every 305 mm carry the floor; seen from the side they are 45 mm wide, web 4 mm, full width.
            if x % 305.0 < 4.5 {
                steel += 120.0;
            }
        }
        if y > HEIGHT - TOP_RAIL {
            steel += 2.0 * 4.0;
        }
        let floor = (BOTTOM_RAIL..BOTTOM_RAIL + FLOOR).contains(&y);
        let wood = if floor { PLYWOOD * FLOOR_PATH / 10.0 } else { 0.0 };
        (steel * STEEL / 10.0, wood)
    }

    /// Height of the floor's upper side above the container's lower edge, mm.
    pub(crate) const FLOOR_TOP: f64 = BOTTOM_RAIL + FLOOR;
}
