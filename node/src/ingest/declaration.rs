//! Declarations: goods and route in the record, persons in openings.

use carnet_formats::Format;

use super::{IngestError, Wishes};
use crate::node::Draft;

pub(super) fn draft(_: &[u8], _: Format, _: Wishes) -> Result<Draft, IngestError> {
    Err(IngestError::Content("declarations are not read yet".into()))
}
