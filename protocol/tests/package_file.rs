//! Packages: what is written is read, and whatever happens to a file on its way has a name and a place.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::io::{self, Read};

use carnet_protocol::cbor;
use carnet_protocol::digest::Digest;
use carnet_protocol::package::{ChunkListMessage, Item, PackageError, Reader, Trailer, Writer};
use carnet_protocol::payload::{CHUNK, PayloadHasher};
use carnet_protocol::reason::{Fault, Reason};
use carnet_protocol::record::{Opening, Record};
use carnet_protocol::signed::Verified;
use carnet_protocol::wire::{FRAME_HEADER, Frame, FrameHeader, FrameKind};
use common::{Administration, payload};

/// A record, its openings, the bytes of its payloads.
type Piece = (Verified<Record>, Vec<Vec<u8>>, Vec<Vec<u8>>);

/// Pieces in the order of a package.
fn contents(nl: &Administration, payloads: &[&[&[u8]]]) -> Vec<Piece> {
    let mut made: Vec<Piece> = payloads
        .iter()
        .zip(1..)
        .map(|(bytes, salt)| {
            let mut record = nl.record(salt, &["BE"]);
            let opening = Opening::of_text(Digest([salt; 32]), "consignor", "Example Trading Ltd");
            record.commitments = vec![opening.commitment()];
            record.payloads = bytes.iter().map(|bytes| payload("plane", "application/octet-stream", bytes)).collect();
            (nl.verified(&record), vec![cbor::encode(&opening)], bytes.iter().map(|bytes| bytes.to_vec()).collect())
        })
        .collect();
    made.sort_by_key(|(record, _, _)| record.id());
    made
}

fn write(nl: &Administration, payloads: &[&[&[u8]]]) -> Vec<u8> {
    let contents = contents(nl, payloads);
    let entries: Vec<Digest> = contents.iter().map(|(record, _, _)| record.entry()).collect();
    let mut writer = Writer::new(Vec::new(), vec![Administration::new("BE", 50).log, nl.log.clone(), nl.log.clone()]).unwrap();
    for ((record, openings, payloads), proof) in contents.into_iter().zip(nl.proofs(&entries)) {
        writer.record(&record, openings, cbor::encode(&proof)).unwrap();
        for (index, bytes) in (0..).zip(payloads) {
            writer.payload(record.id(), index, &PayloadHasher::hash(&bytes).unwrap().1).unwrap();
            for (at, chunk) in (0..).zip(bytes.chunks(CHUNK)) {
                writer.chunk(at, chunk).unwrap();
            }
        }
    }
    writer.finish().unwrap().0
}

fn small(nl: &Administration) -> Vec<u8> {
    write(nl, &[&[b"abc", b""], &[], &[b"a payload"]])
}

/// Reads to the end.
fn read(source: impl Read) -> Result<Vec<Item>, PackageError> {
    let mut reader = Reader::new(source);
    let mut items = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(item)) => items.push(item),
            Ok(None) => return Ok(items),
            Err(error) => {
                assert!(matches!(reader.next(), Ok(None)), "after an error the reader is done");
                return Err(error);
            }
        }
    }
}

fn fault(bytes: &[u8]) -> Fault {
    match read(bytes) {
        Err(PackageError::Fault(fault)) => fault,
        other => panic!("must be refused: {:?}", other.map(|items| items.len())),
    }
}

/// Every frame, with where it begins.
fn frames(bytes: &[u8]) -> Vec<(usize, Frame)> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some((frame, length)) = Frame::parse(&bytes[at..]).unwrap() {
        found.push((at, frame));
        at += length;
    }
    assert_eq!(at, bytes.len());
    found
}

/// The frames as a file whose trailer is right, as somebody would write who wants to be believed.
fn joined(frames: &[Frame]) -> Vec<u8> {
    let (mut bytes, mut records, mut payloads) = (Vec::new(), 0, 0);
    for frame in frames {
        records += u64::from(frame.kind == FrameKind::Record);
        payloads += u64::from(frame.kind == FrameKind::ChunkList);
        if frame.kind == FrameKind::Trailer {
            let trailer = Trailer { records, payloads, digest: Digest::of(&bytes) };
            bytes.extend(Frame::of(FrameKind::Trailer, &trailer).to_bytes());
        } else {
            bytes.extend(frame.to_bytes());
        }
    }
    bytes
}

fn start_of(frames: &[Frame], index: usize) -> u64 {
    frames[..index].iter().map(|frame| (FRAME_HEADER + frame.body.len()) as u64).sum()
}

/// A source that gives a byte at a time and now and then asks to be asked again.
struct Dripping<'a>(&'a [u8], bool);

impl Read for Dripping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let count = buffer.len().min(1);
        self.0.read(&mut buffer[..count])
    }
}

#[test]
fn what_is_written_is_read() {
    let nl = Administration::new("NL", 1);
    let large: Vec<u8> = (0..2 * CHUNK + 5).map(|n| (n / 7) as u8).collect();
    let payloads: &[&[&[u8]]] = &[&[b"abc", b"", &large], &[], &[&large[..CHUNK]]];
    let bytes = write(&nl, payloads);
    let items = read(bytes.as_slice()).unwrap();
    let wanted = contents(&nl, payloads);
    let (mut at, mut logs, mut seen, mut current) = (0, 0, Vec::new(), Vec::new());
    for item in &items {
        match item {
            Item::LogKey(_) => logs += 1,
            Item::Record { at: place, signed, openings, .. } => {
                let (record, opened, _) = &wanted[at];
                assert_eq!((signed.bytes(), openings), (record.bytes(), opened));
                assert_eq!(bytes[*place as usize], FrameKind::Record.code());
                at += 1;
            }
            Item::Payload { index, list } => {
                assert_eq!(list.size(), wanted[at - 1].2[*index as usize].len() as u64);
                current = Vec::new();
                seen.push((at - 1, *index));
                if list.size() == 0 {
                    assert!(wanted[at - 1].2[*index as usize].is_empty());
                }
            }
            Item::Chunk { index, bytes } => {
                assert_eq!(current.len(), *index as usize * CHUNK);
                current.extend_from_slice(bytes);
                let (record, payload) = *seen.last().unwrap();
                assert!(wanted[record].2[payload as usize].starts_with(&current));
            }
            Item::End(trailer) => assert_eq!((trailer.records, trailer.payloads), (3, 4)),
        }
    }
    assert_eq!((logs, at, seen.len()), (2, 3, 4));
    assert!(matches!(items.last(), Some(Item::End(_))));
    assert_eq!(read(Dripping(&small(&nl), false)).unwrap().len(), read(small(&nl).as_slice()).unwrap().len());
}

#[test]
fn an_empty_package_is_one() {
    let (bytes, _) = Writer::new(Vec::new(), Vec::new()).unwrap().finish().unwrap();
    assert!(matches!(read(bytes.as_slice()).unwrap().as_slice(), [Item::End(Trailer { records: 0, payloads: 0, .. })]));
}

#[test]
fn a_writer_keeps_the_order() {
    let nl = Administration::new("NL", 1);
    let contents = contents(&nl, &[&[], &[]]);
    let mut writer = Writer::new(Vec::new(), Vec::new()).unwrap();
    writer.record(&contents[1].0, Vec::new(), vec![0x80]).unwrap();
    for wrong in [0, 1] {
        assert_eq!(writer.record(&contents[wrong].0, Vec::new(), vec![0x80]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}

#[test]
fn cut_at_every_byte() {
    let nl = Administration::new("NL", 1);
    let bytes = small(&nl);
    let starts: Vec<usize> = frames(&bytes).into_iter().map(|(at, _)| at).collect();
    for cut in 0..bytes.len() {
        let found = fault(&bytes[..cut]);
        let frame = starts.iter().rev().find(|start| **start <= cut).unwrap();
        let wanted = if *frame == 0 { Reason::PackageHeader } else { Reason::PackageTruncated };
        assert_eq!((found.reason, found.at), (wanted, Some(*frame as u64)), "cut at {cut}");
    }
}

#[test]
fn bytes_behind_the_trailer() {
    let nl = Administration::new("NL", 1);
    let bytes = small(&nl);
    for more in [&[0u8] as &[_], &bytes] {
        let found = fault(&[&bytes, more].concat());
        assert_eq!((found.reason, found.at), (Reason::PackageTrailer, Some(bytes.len() as u64)));
    }
}

#[test]
fn every_flipped_bit_is_found_where_it_is_or_after() {
    let nl = Administration::new("NL", 1);
    let bytes = small(&nl);
    let frames = frames(&bytes);
    let mut reasons = std::collections::BTreeSet::new();
    for at in 0..bytes.len() {
        let (start, frame) = frames.iter().rev().find(|(start, _)| *start <= at).unwrap();
        // All bits of what steers the reader, some of the rest.
        let bits = if at < start + FRAME_HEADER + 4 { vec![0, 1, 2, 3, 4, 5, 6, 7] } else { vec![at % 8, 7 - at % 4] };
        for bit in bits {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            let found = fault(&changed);
            let place = found.at.unwrap_or_else(|| panic!("bit {bit} of byte {at}: no place: {found}")) as usize;
            assert!((*start..=bytes.len()).contains(&place), "bit {bit} of byte {at}: found at {place}");
            let in_body = at >= start + FRAME_HEADER;
            let wanted = match frame.kind {
                FrameKind::PackageHeader => Some(Reason::PackageHeader),
                FrameKind::Chunk if at >= start + FRAME_HEADER + 4 => Some(Reason::PayloadChunk),
                FrameKind::Chunk if in_body => Some(Reason::PackageOrder),
                _ => None,
            };
            if let Some(wanted) = wanted {
                assert_eq!((found.reason, place), (wanted, *start), "bit {bit} of byte {at}");
            }
            reasons.insert(found.reason);
        }
    }
    for wanted in [Reason::WireFrame, Reason::PayloadRoot, Reason::PackageOrphan, Reason::PackageTrailer, Reason::SignatureInvalid] {
        // A signature is not judged here: the trailer finds what was done to it.
        assert_eq!(reasons.contains(&wanted), wanted != Reason::SignatureInvalid, "{wanted}");
    }
}

#[test]
fn a_frame_that_is_not_there() {
    let nl = Administration::new("NL", 1);
    let all: Vec<Frame> = frames(&small(&nl)).into_iter().map(|(_, frame)| frame).collect();
    for (index, frame) in all.iter().enumerate() {
        let mut fewer = all.clone();
        fewer.remove(index);
        let bytes = joined(&fewer);
        let empty_payload = frame.kind == FrameKind::ChunkList && fewer[index].kind != FrameKind::Chunk;
        match frame.kind {
            // What may be withheld may be missing.
            FrameKind::LogKey | FrameKind::Openings => drop(read(bytes.as_slice()).unwrap()),
            _ if empty_payload => drop(read(bytes.as_slice()).unwrap()),
            kind => {
                let wanted = match kind {
                    FrameKind::PackageHeader => Reason::PackageHeader,
                    FrameKind::Trailer => Reason::PackageTruncated,
                    _ => Reason::PackageOrder,
                };
                let found = fault(&bytes);
                assert_eq!((found.reason, found.at), (wanted, Some(start_of(&fewer, index))), "{kind:?} {index}");
            }
        }
        // With the old trailer none passes.
        let plain: Vec<u8> = fewer.iter().flat_map(Frame::to_bytes).collect();
        fault(&plain);
    }
}

#[test]
fn a_frame_twice() {
    let nl = Administration::new("NL", 1);
    let all: Vec<Frame> = frames(&small(&nl)).into_iter().map(|(_, frame)| frame).collect();
    for (index, frame) in all.iter().enumerate() {
        let mut more = all.clone();
        more.insert(index + 1, frame.clone());
        let wanted = if frame.kind == FrameKind::Trailer { Reason::PackageTrailer } else { Reason::PackageOrder };
        let found = fault(&joined(&more));
        assert_eq!((found.reason, found.at), (wanted, Some(start_of(&more, index + 1))), "{:?} {index}", frame.kind);
    }
}

#[test]
fn frames_in_another_order() {
    let nl = Administration::new("NL", 1);
    let all: Vec<Frame> = frames(&small(&nl)).into_iter().map(|(_, frame)| frame).collect();
    for a in 0..all.len() {
        for b in a + 1..all.len() {
            let mut swapped = all.clone();
            swapped.swap(a, b);
            // The openings or proofs of two records: who reads the package finds that by REC-042 and LOG-020, or by the old trailer.
            if all[a].kind == all[b].kind && matches!(all[a].kind, FrameKind::Openings | FrameKind::Proof) {
                let plain: Vec<u8> = swapped.iter().flat_map(Frame::to_bytes).collect();
                assert_eq!(fault(&plain).reason, Reason::PackageTrailer);
                continue;
            }
            let found = fault(&joined(&swapped));
            assert!(found.at.unwrap() >= start_of(&swapped, a), "{a} and {b}: {found}");
        }
    }
}

/// Whole records in another order, and one twice, under a right trailer.
#[test]
fn records_ascend() {
    let nl = Administration::new("NL", 1);
    let all: Vec<Frame> = frames(&small(&nl)).into_iter().map(|(_, frame)| frame).collect();
    let starts: Vec<usize> = (0..all.len()).filter(|index| all[*index].kind == FrameKind::Record).collect();
    let (first, second, third) = (&all[starts[0]..starts[1]], &all[starts[1]..starts[2]], &all[starts[2]..all.len() - 1]);
    let (head, trailer) = (&all[..starts[0]], &all[all.len() - 1..]);
    let swapped = [head, second, first, third, trailer].concat();
    let found = fault(&joined(&swapped));
    assert_eq!((found.reason, found.at), (Reason::PackageOrder, Some(start_of(&swapped, starts[0] + second.len()))));
    let twice = [head, first, first, trailer].concat();
    let found = fault(&joined(&twice));
    assert_eq!((found.reason, found.at), (Reason::PackageDuplicate, Some(start_of(&twice, starts[1]))));
    // A payload behind another record than its own.
    let payload_at = all.iter().position(|frame| frame.kind == FrameKind::ChunkList).unwrap();
    let other = starts.iter().copied().find(|start| *start > payload_at).unwrap_or(starts[0]);
    let mut moved = all[..other + 3].to_vec();
    moved.push(all[payload_at].clone());
    moved.push(all.last().unwrap().clone());
    let found = fault(&joined(&moved));
    assert_eq!((found.reason, found.at), (Reason::PackageOrphan, Some(start_of(&moved, other + 3))));
}

/// A chunk list that lies, field by field.
#[test]
fn chunk_lists_that_lie() {
    let nl = Administration::new("NL", 1);
    let all: Vec<Frame> = frames(&small(&nl)).into_iter().map(|(_, frame)| frame).collect();
    let index = all.iter().position(|frame| frame.kind == FrameKind::ChunkList && !frame.body.ends_with(&[0x40])).unwrap();
    let honest: ChunkListMessage = all[index].message().unwrap();
    type Lie = fn(&mut ChunkListMessage);
    let cases: [(Lie, Reason); 6] = [
        (|m| m.record = Digest([0; 32]), Reason::PackageOrphan),
        (|m| m.payload = 900, Reason::PackageOrphan),
        (|m| m.size += 1, Reason::PayloadRoot),
        (|m| m.size = u64::MAX, Reason::PayloadRoot),
        (|m| m.hashes = vec![0; 32].into(), Reason::PayloadRoot),
        (|m| m.hashes = vec![0; 2 << 20].into(), Reason::PayloadRoot),
    ];
    for (lie, wanted) in cases {
        let mut lying = honest.clone();
        lie(&mut lying);
        let mut changed = all.clone();
        changed[index] = Frame::of(FrameKind::ChunkList, &lying);
        let found = fault(&joined(&changed));
        assert_eq!((found.reason, found.at), (wanted, Some(start_of(&changed, index))));
    }
}

#[test]
fn a_trailer_that_lies() {
    let nl = Administration::new("NL", 1);
    let bytes = small(&nl);
    let (at, frame) = frames(&bytes).pop().unwrap();
    let honest: Trailer = frame.message().unwrap();
    for lying in
        [Trailer { records: 2, ..honest }, Trailer { payloads: u64::MAX, ..honest }, Trailer { digest: Digest::default(), ..honest }]
    {
        let changed = [&bytes[..at], &Frame::of(FrameKind::Trailer, &lying).to_bytes()].concat();
        let found = fault(&changed);
        assert_eq!((found.reason, found.at), (Reason::PackageTrailer, Some(at as u64)));
    }
}

/// Zeros without end behind a start, counting what is asked of it.
struct Endless {
    start: io::Cursor<Vec<u8>>,
    given: u64,
    largest: usize,
}

impl Read for &mut Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.largest = self.largest.max(buffer.len());
        let count = match self.start.read(buffer)? {
            0 => {
                buffer.fill(0);
                buffer.len()
            }
            count => count,
        };
        self.given += count as u64;
        Ok(count)
    }
}

/// However long a header says a frame is, no more is made room for than its kind allows, and nothing beyond it is read.
#[test]
fn memory_is_bounded_by_the_frame() {
    let nl = Administration::new("NL", 1);
    let bytes = small(&nl);
    let starts = frames(&bytes);
    for (at, frame) in &starts {
        for kind in FrameKind::ALL {
            for length in [kind.limit() as u32, kind.limit() as u32 + 1, u32::MAX] {
                let mut start = bytes[..*at].to_vec();
                start.push(kind.code());
                start.extend(length.to_be_bytes());
                let written = start.len() as u64;
                let mut source = Endless { start: io::Cursor::new(start), given: 0, largest: 0 };
                let error = read(&mut source).map(|_| ()).unwrap_err();
                let PackageError::Fault(found) = error else { panic!("{error}") };
                assert!(found.at.unwrap() >= *at as u64, "{kind:?} in the place of {:?}", frame.kind);
                // A whole frame of zeros may still be one that nobody judges here, as a proof is; the next cannot be.
                let most = written + (kind.limit() + FRAME_HEADER) as u64;
                assert!(source.given <= most && source.largest <= kind.limit().max(bytes.len()));
                if length as usize > kind.limit() {
                    let wanted = if *at == 0 { Reason::PackageHeader } else { Reason::WireFrame };
                    assert_eq!((found.reason, found.at, source.given), (wanted, Some(*at as u64), written));
                }
            }
        }
    }
}

#[test]
fn a_medium_that_fails_is_no_fault_of_the_package() {
    struct Broken<'a>(&'a [u8]);
    impl Read for Broken<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::Error::other("bad sector")),
                count => Ok(count),
            }
        }
    }
    let nl = Administration::new("NL", 1);
    let bytes = small(&nl);
    for cut in [0, 3, 40, bytes.len() - 1, bytes.len()] {
        assert!(matches!(read(Broken(&bytes[..cut])), Err(PackageError::Read { .. })), "{cut}");
    }
}

#[test]
fn the_first_frame_says_what_it_is() {
    let header = |body: Vec<u8>| Frame::new(FrameKind::PackageHeader, body).to_bytes();
    let good = header([&[0xa2, 0x00, 0x6a], b"carnet-uff".as_slice(), &[0x01, 0x01]].concat());
    let found = fault(&good);
    assert_eq!((found.reason, found.at), (Reason::PackageTruncated, Some(good.len() as u64)));
    for bad in [
        header([&[0xa2, 0x00, 0x6a], b"carnet-uFf".as_slice(), &[0x01, 0x01]].concat()),
        header([&[0xa2, 0x00, 0x6a], b"carnet-uff".as_slice(), &[0x01, 0x02]].concat()),
        header(vec![0xa0]),
        header(vec![0x9f, 0xff]),
        Frame::new(FrameKind::End, vec![0xa0]).to_bytes(),
        FrameHeader { kind: FrameKind::PackageHeader, length: 65 }.to_bytes().to_vec(),
        b"PK\x03\x04 a zip file".to_vec(),
        vec![],
    ] {
        let found = fault(&bad);
        assert_eq!((found.reason, found.at), (Reason::PackageHeader, Some(0)), "{bad:02x?}");
    }
}
