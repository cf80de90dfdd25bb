//! One changed bit in the example package, many times over, and the reason and place that each must have. A second reader
//! (examples/python), which shares no code with this one, is held against the same table: two implementations give one code.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;
#[path = "common/text.rs"]
mod text;

use carnet_protocol::digest::Digest;
use carnet_protocol::package::{Item, PackageError, Reader, Trailer};
use carnet_protocol::reason::Fault;
use carnet_protocol::session::Arrival;
use carnet_protocol::wire::{FRAME_HEADER, Frame, FrameKind, Group, LogKey};
use common::{Administration, NOW, country};

/// Reads a package whole, then judges its records as BE.
fn judge(bytes: &[u8], nl: &Administration) -> Result<(), Fault> {
    let mut reader = Reader::new(bytes);
    let (mut logs, mut groups): (Vec<LogKey>, Vec<Group>) = (Vec::new(), Vec::new());
    loop {
        match reader.next() {
            Ok(Some(Item::LogKey(key))) => logs.push(key),
            Ok(Some(Item::Record { signed, openings, proof, .. })) => {
                groups.push(Group { record: signed.bytes().to_vec(), openings, proof });
            }
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(PackageError::Fault(fault)) => return Err(fault),
            Err(error) => panic!("{error}"),
        }
    }
    for group in &groups {
        Arrival::judge(group, nl.trust(), &logs[0], country("BE"), NOW, |_| None)?;
    }
    Ok(())
}

#[test]
fn one_changed_bit() {
    let nl = Administration::new("NL", 1);
    let package = std::fs::read(text::spec("examples/minimal.uff")).unwrap();
    judge(&package, &nl).unwrap();
    let mut table = "# Made by protocol/tests/spec_faults.rs from minimal.uff. \"whole\": bit B of byte N is changed.\n\
        # \"mended\": the frames from the chunk list on are dropped, the bit is changed, and a right trailer is put behind.\n\
        # package\tbyte\tbit\treason\tplace\n"
        .to_owned();
    for at in (0..package.len()).step_by(3) {
        let bit = at % 8;
        let mut changed = package.clone();
        changed[at] ^= 1 << bit;
        let fault = judge(&changed, &nl).unwrap_err();
        table.push_str(&format!("whole\t{at}\t{bit}\t{}\t{}\n", fault.reason, fault.at.unwrap()));
    }
    // Behind a right trailer the changed bit must be found by who verifies.
    let (mut kept, mut bodies) = (0, Vec::new());
    while let Some((frame, length)) = Frame::parse(&package[kept..]).unwrap().filter(|(f, _)| f.kind != FrameKind::ChunkList) {
        bodies.extend((kept + FRAME_HEADER..kept + length).filter(|_| frame.kind != FrameKind::PackageHeader));
        kept += length;
    }
    for at in bodies.into_iter().step_by(2) {
        let bit = at % 7;
        let mut changed = package[..kept].to_vec();
        changed[at] ^= 1 << bit;
        let trailer = Trailer { records: 1, payloads: 0, digest: Digest::of(&changed) };
        changed.extend(Frame::of(FrameKind::Trailer, &trailer).to_bytes());
        let fault = judge(&changed, &nl).expect_err(&format!("bit {bit} of byte {at}"));
        let place = fault.at.map_or_else(|| "-".to_owned(), |at| at.to_string());
        table.push_str(&format!("mended\t{at}\t{bit}\t{}\t{place}\n", fault.reason));
    }
    text::settle("examples/faults.tsv", table.as_bytes());
}
