//! Simulated scans and spectra, for the demonstration and for tests with a known truth.
//!
//! `Scene -> (Beer-Lambert, Poisson) -> DualEnergyScan` and `Nuclide lines -> (detector response, Poisson) -> Spectrum`.
//!
//! Everything that comes out carries a [`Synthetic`] mark, and whoever makes a record of it must carry the mark into
//! that record: a simulated scan that passes for a real one would be false evidence.
//!
//! What is modelled: NIST attenuation, counting and electronic noise, container steel, gantry wobble, the response of a
//! sodium-iodide crystal. What is not: scatter between object and detector, beam hardening (each beam is represented
//! by one effective energy), fan-beam magnification, pile-up. A figure measured on these data is a figure on
//! simulated data and has to be labelled so.

use std::fmt;

pub mod cargo;
pub mod material;
pub mod portal;
pub mod rng;
pub mod scene;
pub mod spectrum;

/// The mark of simulated data: which simulator made it, from which seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Synthetic {
    /// Name and version of the simulator; the version changes when the same seed gives other data.
    pub model: &'static str,
    /// The seed: the same model and seed give the same data.
    pub seed: u64,
}

impl fmt::Display for Synthetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "synthetic: {} seed {}", self.model, self.seed)
    }
}
