//! Pixels and counts in, findings and assessments out.
//!
//! The contract of this crate: **pure functions over `ndarray`**. No files, no sockets, no database, no clock, no
//! randomness but from a seed that the caller gives; the same input gives the same output, so that an auditor who
//! replays an analysis sees what the officer saw. Decoding a file is the work of `carnet-formats`, keeping a result
//! that of the node. A person decides: nothing here writes an outcome.
//!
//! Units, unless a function says otherwise: energies in keV, areal densities in g/cm², lengths in mm, times in
//! seconds, images as `[row, column]` with row 0 at the top.

pub mod simulate;
