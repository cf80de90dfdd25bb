//! What people know, remark and find.

use minicbor::{Decode, Encode};

use super::{Checked, containers};
use crate::cbor::Real;
use crate::limits::{MAX_LIST, MAX_TEXT};
use crate::reason::{Fault, Reason};
use crate::record::kind::words;
use crate::record::{bounded, name, text};
use crate::time::Timestamp;

words! {
    /// The system by which a tip is graded.
    Grading {
        /// Source A to D or X, information 1 to 4 (Europol's 4x4).
        FourByFour = "4x4",
        /// Source A to F, information 1 to 6 (the Admiralty system, NATO AJP-2.1).
        SixBySix = "6x6",
    }
}

/// A tip, with how far its source and its content can be relied on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Intelligence {
    /// The tip. What would name its source stays out of it.
    #[n(1)]
    pub text: String,
    /// The grading system.
    #[n(2)]
    pub grading: Grading,
    /// Reliability of the source: a letter of that system.
    #[n(3)]
    pub source: String,
    /// Credibility of the information: a digit of that system.
    #[n(4)]
    pub information: String,
    /// Containers that it speaks of.
    #[n(20)]
    pub containers: Vec<String>,
}

impl Checked for Intelligence {
    fn check(&self, _: usize) -> Result<(), Fault> {
        text("tip", &self.text, MAX_TEXT)?;
        containers(&self.containers)?;
        let (sources, grades) = match self.grading {
            Grading::FourByFour => (["A", "B", "C", "X"].as_slice(), ["1", "2", "3", "4"].as_slice()),
            Grading::SixBySix => (["A", "B", "C", "D", "E", "F"].as_slice(), ["1", "2", "3", "4", "5", "6"].as_slice()),
            Grading::Other(_) => return Err(Fault::new(Reason::RecordContent, "the grading system is 4x4 or 6x6")),
        };
        if sources.contains(&self.source.as_str()) && grades.contains(&self.information.as_str()) {
            return Ok(());
        }
        Err(Fault::new(Reason::RecordContent, format!("a grade is not one of the {} system's", self.grading)))
    }
}

/// What somebody remarks about the parent record.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Annotation {
    /// The remark.
    #[n(1)]
    pub text: String,
    /// Category, of the code list of spec/01.
    #[n(2)]
    pub category: Option<String>,
    /// Where in the picture.
    #[n(3)]
    pub regions: Vec<Region>,
}

/// A polygon in one view.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Region {
    /// Index of the view.
    #[n(1)]
    pub view: u32,
    /// Corners as x, y, x, y, ... in samples from the upper left (DICOS BoundingPolygon 4010,101D).
    #[n(2)]
    pub corners: Vec<Real>,
}

impl Checked for Annotation {
    fn check(&self, _: usize) -> Result<(), Fault> {
        text("remark", &self.text, MAX_TEXT)?;
        self.category.as_deref().map_or(Ok(()), |category| name("category", category))?;
        bounded("regions", self.regions.len(), MAX_LIST)?;
        self.regions.iter().try_for_each(|region| {
            bounded("corners", region.corners.len(), MAX_LIST)?;
            let polygon = region.corners.len() >= 6 && region.corners.len() % 2 == 0;
            if polygon { Ok(()) } else { Err(Fault::new(Reason::RecordContent, "a region has at least three corners, x and y each")) }
        })
    }
}

/// What officers decided and physically found: the ground truth of its parent records.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Outcome {
    /// `released`, `seized`, `detained`, `returned`, `destroyed`.
    #[n(1)]
    pub decision: String,
    /// How far it was looked into: `none`, `documents`, `scan`, `partial`, `full`.
    #[n(2)]
    pub examined: String,
    /// Why it was chosen: `random`, `risk`, `alarm`, `tip`, `request`. Without it outcomes cannot be weighed.
    #[n(3)]
    pub reason: String,
    /// What was found; empty when nothing was.
    #[n(4)]
    pub found: Vec<Found>,
    /// When the decision fell.
    #[n(5)]
    pub decided: Option<Timestamp>,
    /// Remarks.
    #[n(6)]
    pub remarks: Option<String>,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Found {
    /// Category, of the code list of spec/01: `cigarettes`, `cocaine`, `weapon`, ...
    #[n(1)]
    pub category: String,
    /// In words.
    #[n(2)]
    pub description: Option<String>,
    /// Kilograms.
    #[n(3)]
    pub mass: Option<Real>,
    /// Pieces.
    #[n(4)]
    pub pieces: Option<u64>,
}

impl Checked for Outcome {
    fn check(&self, _: usize) -> Result<(), Fault> {
        for (what, value, allowed) in [
            ("decision", &self.decision, ["released", "seized", "detained", "returned", "destroyed"]),
            ("examination", &self.examined, ["none", "documents", "scan", "partial", "full"]),
            ("reason for the inspection", &self.reason, ["random", "risk", "alarm", "tip", "request"]),
        ] {
            if !allowed.contains(&value.as_str()) {
                return Err(Fault::new(Reason::RecordContent, format!("the {what} is one of {}", allowed.join(", "))));
            }
        }
        self.remarks.as_deref().map_or(Ok(()), |remarks| text("remark", remarks, MAX_TEXT))?;
        bounded("things found", self.found.len(), MAX_LIST)?;
        self.found.iter().try_for_each(|found| {
            name("category", &found.category)?;
            found.description.as_deref().map_or(Ok(()), |words| text("description", words, MAX_TEXT))
        })
    }
}
