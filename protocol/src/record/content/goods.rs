//! What was declared to customs, without the persons: these are openings.

use minicbor::{Decode, Encode};

use super::{Checked, containers};
use crate::cbor::Real;
use crate::identifier::{Country, check_hs, check_locode, check_mrn, check_office, check_un_number};
use crate::limits::{MAX_LIST, MAX_TEXT};
use crate::reason::Fault;
use crate::record::{bounded, identifier, name, text};
use crate::time::Timestamp;

/// A customs declaration (WCO Data Model; ICS2 element numbers in parentheses).
#[derive(Debug, Clone, PartialEq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Declaration {
    /// Movement reference number.
    #[n(1)]
    pub mrn: Option<String>,
    /// `import`, `export`, `transit`, `entry-summary`.
    #[n(2)]
    pub procedure: Option<String>,
    /// The office of presentation.
    #[n(3)]
    pub office: Option<String>,
    /// When it was lodged.
    #[n(4)]
    pub lodged: Option<Timestamp>,
    /// The goods.
    #[n(5)]
    pub items: Vec<Item>,
    /// Place of loading (L010).
    #[n(6)]
    pub loading: Option<String>,
    /// Place of delivery (L004).
    #[n(7)]
    pub delivery: Option<String>,
    /// Place of discharge (L013).
    #[n(8)]
    pub discharge: Option<String>,
    /// Countries of routing, in order (064).
    #[n(9)]
    pub routing: Vec<Country>,
    /// Transport document (D023).
    #[n(10)]
    pub transport_document: Option<String>,
    /// Unique consignment reference (009).
    #[n(11)]
    pub ucr: Option<String>,
    /// Means of transport at the border, its identity (T005).
    #[n(12)]
    pub border_transport: Option<String>,
    /// Country of dispatch (063).
    #[n(13)]
    pub dispatch: Option<Country>,
    /// Containers (159).
    #[n(20)]
    pub containers: Vec<String>,
    /// Seals (165).
    #[n(21)]
    pub seals: Vec<String>,
}

/// One goods item.
#[derive(Debug, Clone, PartialEq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Item {
    /// Its number in the declaration (006).
    #[n(1)]
    pub number: u32,
    /// Harmonized System code, 2 to 6 digits (145).
    #[n(2)]
    pub hs: Option<String>,
    /// Description of the goods (137).
    #[n(3)]
    pub description: Option<String>,
    /// Gross mass in kilograms (126).
    #[n(4)]
    pub gross_mass: Option<Real>,
    /// Number of packages (144).
    #[n(5)]
    pub packages: Option<u32>,
    /// Kind of packages (141) (UNECE Recommendation 21).
    #[n(6)]
    pub package_kind: Option<String>,
    /// UN number of dangerous goods (506).
    #[n(7)]
    pub un_number: Option<String>,
    /// Declared value.
    #[n(8)]
    pub value: Option<Real>,
    /// Its currency (ISO 4217).
    #[n(9)]
    pub currency: Option<String>,
    /// Country of origin (063).
    #[n(10)]
    pub origin: Option<Country>,
}

impl Checked for Declaration {
    fn check(&self, _: usize) -> Result<(), Fault> {
        let places = [&self.loading, &self.delivery, &self.discharge];
        self.mrn.as_deref().map_or(Ok(()), check_mrn).map_err(identifier)?;
        self.office.as_deref().map_or(Ok(()), check_office).map_err(identifier)?;
        places.into_iter().flatten().try_for_each(|place| check_locode(place)).map_err(identifier)?;
        let names = [&self.procedure, &self.transport_document, &self.ucr, &self.border_transport];
        names.into_iter().flatten().try_for_each(|value| name("declaration field", value))?;
        bounded("goods items", self.items.len(), MAX_LIST)?;
        bounded("countries of routing", self.routing.len(), MAX_LIST)?;
        bounded("seals", self.seals.len(), MAX_LIST)?;
        self.seals.iter().try_for_each(|seal| name("seal", seal))?;
        containers(&self.containers)?;
        self.items.iter().try_for_each(Item::check)
    }
}

impl Item {
    fn check(&self) -> Result<(), Fault> {
        self.hs.as_deref().map_or(Ok(()), check_hs).map_err(identifier)?;
        self.un_number.as_deref().map_or(Ok(()), check_un_number).map_err(identifier)?;
        self.description.as_deref().map_or(Ok(()), |words| text("description", words, MAX_TEXT))?;
        [&self.package_kind, &self.currency].into_iter().flatten().try_for_each(|value| name("goods field", value))
    }
}
