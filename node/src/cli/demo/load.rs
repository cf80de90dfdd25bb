//! What the demonstration is about: a made-up container with something in it that nobody declared.

use carnet_analysis::simulate::cargo::{self, DualEnergyScan, Scanner};
use carnet_analysis::simulate::material::Material;
use carnet_analysis::simulate::portal::{self, Passage, PortalSeries};
use carnet_analysis::simulate::scene::Scene;
use carnet_analysis::simulate::spectrum::{self, Detector, Nuclide, Shield, Source, Spectrum};
use carnet_protocol::record::{Grading, Intelligence};
use serde_json::{Value, json};

/// The container: the example number of ISO 6346 itself.
pub(super) const CONTAINER: &str = "CSQU3054383";
/// Seeds: the same ones give the same load, scan and counts.
const SEED: u64 = 20_260_701;
/// Lead along the scanner's beam, g/cm²: both walls of a pot.
const POT: f64 = 80.0;
/// Activity of the source in it, Bq.
const ACTIVITY: f64 = 2e9;

/// Everything that was measured of the container, and of another one that is of no interest.
pub(super) struct Load {
    pub(super) scan: DualEnergyScan,
    pub(super) portal: PortalSeries,
    pub(super) spectrum: Spectrum,
    pub(super) other_scan: DualEnergyScan,
    pub(super) other_spectrum: Spectrum,
}

impl Load {
    /// Simulates all of it. Arithmetic only; a second or two.
    pub(super) fn simulate() -> anyhow::Result<Self> {
        let scanner = Scanner { wobble: 0.01, ..Scanner::default() };
        // Half of the lead stands between the source and a detector beside the container.
        let pot = || vec![Shield { material: Material::Lead, areal_density: POT / 2.0 }];
        let source = |distance| Source { nuclide: Nuclide::Cs137, activity: ACTIVITY, distance, shields: pot() };
        let passage = Passage { source: Some((source(250.0), 9.0)), ..Passage::default() };
        let detector = Detector::default();
        Ok(Self {
            scan: cargo::scan(&scanner, &Scene::loaded(SEED).with_concealed(Material::Lead, POT, SEED), SEED)?,
            portal: portal::pass(&detector, &passage, SEED)?,
            spectrum: spectrum::measure(&detector, &[source(120.0)], 60.0, SEED)?,
            other_scan: cargo::scan(&scanner, &Scene::loaded(SEED + 1), SEED + 1)?,
            other_spectrum: spectrum::measure(&detector, &[], 60.0, SEED + 1)?,
        })
    }

    /// Most counts a second in the passage, and the mean of its first seconds, when nothing stood in the portal yet.
    pub(super) fn portal_rates(&self) -> (f64, f64) {
        let (gross, interval) = (self.portal.gross(), self.portal.interval);
        let most = gross.iter().max().map_or(0.0, |&count| count as f64 / interval);
        let quiet: Vec<u64> = gross.iter().zip(&self.portal.occupied).take_while(|(_, occupied)| !**occupied).map(|(n, _)| *n).collect();
        let mean = quiet.iter().sum::<u64>() as f64 / (quiet.len().max(1) as f64 * interval);
        (most, mean)
    }
}

/// What was declared: tiles, in the form that `carnet import` reads. The persons become sealed fields beside the record.
pub(super) fn declaration() -> Value {
    json!({
        "loading": "NLRTM",
        "delivery": "FRLEH",
        "departure": "NL",
        "containers": [CONTAINER],
        "consignor": { "name": "Invented Tiles B.V." },
        "consignee": { "name": "Imaginary Floors S.A.R.L." },
        "items": [{ "hs": "690721", "description": "ceramic tiles", "gross_mass": 21_400, "packages": 22 }],
    })
}

/// What somebody said.
pub(super) fn tip() -> Intelligence {
    Intelligence {
        text: "One pallet in the middle of the container was packed at night, apart from the others.".into(),
        grading: Grading::FourByFour,
        source: "B".into(),
        information: "2".into(),
        containers: vec![CONTAINER.into()],
    }
}
