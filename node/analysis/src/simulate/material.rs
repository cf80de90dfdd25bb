//! Materials and how they attenuate photons.
//!
//! Total mass attenuation coefficients with coherent scattering, cm²/g, from NIST XCOM (Berger, Hubbell et al., NBSIR
//! 87-3597) as tabulated in Hubbell and Seltzer, NISTIR 5632; compounds mixed by mass fraction.

/// Energies of the table's columns, keV. The pair around 88.004 keV is lead's K edge.
const ENERGIES: [f64; 23] = [
    30.0, 40.0, 50.0, 60.0, 80.0, 88.004, 88.0041, 100.0, 150.0, 200.0, 300.0, 400.0, 500.0, 600.0, 800.0, 1000.0, 1250.0, 1500.0, 2000.0,
    3000.0, 4000.0, 5000.0, 6000.0,
];

/// A material that cargo, a container or a shield is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Material {
    /// Water; food, drink and flesh behave like it.
    Water = 1,
    /// Polyethylene, (C2H4)n.
    Polyethylene = 2,
    /// Cellulose, (C6H10O5)n: wood, paper, cotton, tobacco.
    Cellulose = 3,
    /// Aluminium.
    Aluminium = 4,
    /// Iron, and near enough steel.
    Iron = 5,
    /// Copper.
    Copper = 6,
    /// Lead.
    Lead = 7,
}

impl Material {
    /// Every material, by its code.
    pub const ALL: [Self; 7] = [Self::Water, Self::Polyethylene, Self::Cellulose, Self::Aluminium, Self::Iron, Self::Copper, Self::Lead];

    /// The code in a truth mask: 1 to 7; 0 stands for air.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Short lowercase name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Water => "water",
            Self::Polyethylene => "polyethylene",
            Self::Cellulose => "cellulose",
            Self::Aluminium => "aluminium",
            Self::Iron => "iron",
            Self::Copper => "copper",
            Self::Lead => "lead",
        }
    }

    /// Atomic number; for compounds the effective one by the 2.94 power law (Mayneord 1937).
    pub fn effective_z(self) -> f64 {
        match self {
            Self::Water => 7.42,
            Self::Polyethylene => 5.44,
            Self::Cellulose => 6.89,
            Self::Aluminium => 13.0,
            Self::Iron => 26.0,
            Self::Copper => 29.0,
            Self::Lead => 82.0,
        }
    }

    /// Mass attenuation coefficient at `energy` keV, cm²/g: log-log interpolation, the table's ends beyond them.
    pub fn attenuation(self, energy: f64) -> f64 {
        interpolate(self.table(), energy)
    }

    fn table(self) -> &'static [f64; 23] {
        match self {
            Self::Water => &[
                0.3756, 0.2683, 0.2269, 0.2058, 0.1836, 0.178, 0.178, 0.1707, 0.1505, 0.137, 0.1187, 0.1061, 0.09687, 0.08956, 0.07866,
                0.07072, 0.06323, 0.05754, 0.04941, 0.03969, 0.03403, 0.03031, 0.0277,
            ],
            Self::Polyethylene => &[
                0.2707, 0.2275, 0.2084, 0.197, 0.1823, 0.1778, 0.1778, 0.172, 0.1534, 0.1401, 0.1216, 0.1089, 0.09947, 0.09198, 0.08078,
                0.07262, 0.06495, 0.05911, 0.05064, 0.04045, 0.03444, 0.03044, 0.02761,
            ],
            Self::Cellulose => &[
                0.3225, 0.2413, 0.2092, 0.1923, 0.1736, 0.1686, 0.1686, 0.1621, 0.1435, 0.1308, 0.1133, 0.1014, 0.09255, 0.08557, 0.07515,
                0.06756, 0.06042, 0.05498, 0.04719, 0.03788, 0.03245, 0.02888, 0.02636,
            ],
            Self::Aluminium => &[
                1.128, 0.5685, 0.3681, 0.2778, 0.2018, 0.1877, 0.1877, 0.1704, 0.1378, 0.1223, 0.1042, 0.09276, 0.08445, 0.07802, 0.06841,
                0.06146, 0.05496, 0.05006, 0.04324, 0.03541, 0.03106, 0.02836, 0.02655,
            ],
            Self::Iron => &[
                8.176, 3.629, 1.958, 1.205, 0.5952, 0.4867, 0.4867, 0.3717, 0.1964, 0.146, 0.1099, 0.094, 0.08414, 0.07704, 0.06699,
                0.05995, 0.0535, 0.04883, 0.04265, 0.03621, 0.03312, 0.03146, 0.03057,
            ],
            Self::Copper => &[
                10.92, 4.862, 2.613, 1.593, 0.763, 0.6137, 0.6137, 0.4584, 0.2217, 0.1559, 0.1119, 0.09413, 0.08362, 0.07625, 0.06605,
                0.05901, 0.05261, 0.04803, 0.04205, 0.03599, 0.03318, 0.03177, 0.03108,
            ],
            Self::Lead => &[
                30.32, 14.36, 8.041, 5.021, 2.419, 1.91, 7.683, 5.549, 2.014, 0.9985, 0.4031, 0.2323, 0.1614, 0.1248, 0.0887, 0.07102,
                0.05876, 0.05222, 0.04606, 0.04234, 0.04197, 0.04272, 0.04391,
            ],
        }
    }
}

/// Mass attenuation of a sodium-iodide crystal at `energy` keV, cm²/g (above iodine's K edge at 33.2 keV).
pub(crate) fn sodium_iodide(energy: f64) -> f64 {
    const TABLE: [f64; 23] = [
        7.358, 18.77, 10.47, 6.451, 2.999, 2.334, 2.334, 1.668, 0.6112, 0.3285, 0.1657, 0.1171, 0.09497, 0.08225, 0.06755, 0.05881,
        0.05164, 0.04696, 0.04148, 0.03681, 0.0352, 0.03477, 0.03487,
    ];
    interpolate(&TABLE, energy)
}

fn interpolate(table: &[f64; 23], energy: f64) -> f64 {
    let upper = ENERGIES.partition_point(|&e| e < energy);
    match upper {
        0 => table[0],
        23 => table[22],
        i => {
            let (e0, e1) = (ENERGIES[i - 1], ENERGIES[i]);
            let share = (energy / e0).ln() / (e1 / e0).ln();
            (table[i - 1].ln() + share * (table[i] / table[i - 1]).ln()).exp()
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    #[test]
    fn meets_nist_at_and_between_table_points() {
        assert!((Material::Iron.attenuation(2000.0) - 0.04265).abs() < 1e-12);
        // NISTIR 5632 has no 662 keV entry; XCOM gives 0.0857 cm2/g for water.
        assert!((Material::Water.attenuation(661.7) - 0.0857).abs() < 5e-4);
        assert!(Material::Lead.attenuation(88.1) > 3.0 * Material::Lead.attenuation(87.9), "the K edge");
        assert!((Material::Iron.attenuation(9e9) - 0.03057).abs() < 1e-12);
    }

    #[test]
    fn dual_energy_ratio_orders_light_from_heavy() {
        // What material discrimination rests on: the ratio of the two attenuations falls with the atomic number.
        let ratio = |m: Material| m.attenuation(2000.0) / m.attenuation(3000.0);
        assert!(ratio(Material::Polyethylene) > ratio(Material::Aluminium));
        assert!(ratio(Material::Aluminium) > ratio(Material::Iron));
        assert!(ratio(Material::Iron) > ratio(Material::Lead));
    }
}
