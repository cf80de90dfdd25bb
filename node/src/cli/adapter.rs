//! `carnet conformance-adapter`: this implementation, as the conformance suite drives it (spec/09-conformance.md).

use std::io::Read as _;

use carnet_protocol::cbor;
use carnet_protocol::image::coding::PlaneReader;
use carnet_protocol::package::{Item, PackageError, Reader};
use carnet_protocol::reason::{Fault, Reason};
use carnet_protocol::record::Record;
use carnet_protocol::signed::Signed;
use carnet_protocol::wire::{FRAME_HEADER, FrameHeader};
use serde_json::{Value, json};

use super::{Done, print};

/// Largest input that is read.
const MAX_INPUT: u64 = 64 << 20;

/// Answers one case of the conformance suite: input on standard input, one JSON object on standard output.
#[derive(Debug, clap::Args)]
pub struct Adapter {
    /// What to do with the input.
    #[arg(value_parser = ["cbor", "record", "frame", "package", "plane"])]
    verb: String,
}

impl Adapter {
    pub(super) fn run(self) -> anyhow::Result<Done> {
        let mut input = Vec::new();
        std::io::stdin().lock().take(MAX_INPUT).read_to_end(&mut input)?;
        let judged = match self.verb.as_str() {
            "cbor" => cbor::scan(&input).map(|()| json!({})),
            "record" => Signed::<Record>::parse(&input).map(|record| {
                json!({ "id": record.id().to_string(), "entry": record.entry().to_string(), "kind": record.claimed().kind.as_str() })
            }),
            "frame" => frame(&input),
            "package" => package(&input),
            _ => plane(&input),
        };
        let answer = match judged {
            Ok(Value::Object(mut values)) => {
                values.insert("verdict".into(), json!("accept"));
                Value::Object(values)
            }
            Ok(_) => json!({ "verdict": "accept" }),
            Err(fault) => json!({ "verdict": "refuse", "reason": fault.reason.code(), "at": fault.at, "detail": fault.detail }),
        };
        print(true, &answer, String::new);
        Ok(Done::Well)
    }
}

fn frame(input: &[u8]) -> Result<Value, Fault> {
    let header = input.first_chunk::<FRAME_HEADER>().ok_or_else(|| Fault::new(Reason::WireFrame, "fewer than five bytes"))?;
    let header = FrameHeader::parse(*header)?;
    Ok(json!({ "kind": format!("{:?}", header.kind), "length": header.length }))
}

fn package(input: &[u8]) -> Result<Value, Fault> {
    let mut reader = Reader::new(input);
    loop {
        match reader.next() {
            Ok(Some(Item::End(trailer))) => return Ok(json!({ "records": trailer.records, "payloads": trailer.payloads })),
            Ok(Some(_)) => {}
            Ok(None) => return Err(Fault::new(Reason::PackageTruncated, "no trailer")),
            Err(PackageError::Fault(fault)) => return Err(fault),
            Err(PackageError::Read { .. }) => return Err(Fault::new(Reason::PackageTruncated, "memory cannot be read")),
        }
    }
}

fn plane(input: &[u8]) -> Result<Value, Fault> {
    let malformed = |error: carnet_protocol::image::coding::CodingError| Fault::new(Reason::ImagePlane, error.to_string());
    let reader = PlaneReader::open(input).map_err(malformed)?;
    let samples = reader.sample_digest().map_err(malformed)?;
    let shape = reader.shape();
    Ok(json!({ "width": shape.width(), "height": shape.height(), "stored_bits": shape.stored_bits(), "samples": samples.to_string() }))
}
