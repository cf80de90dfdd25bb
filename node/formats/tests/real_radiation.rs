//! Every radiation file of the real data is decoded, or refused with its reason.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

use std::path::{Path, PathBuf};

use carnet_formats::{FormatError, radiation, sniff};
use carnet_protocol::spectrum::{Row, SpectrumView};

/// The folder of real data, unless this machine has none.
fn data() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = std::env::var_os("CARNET_REAL_DATA").map_or_else(|| root.join("../shared/data"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "no real data in {}", folder.display());
    println!("skipped: no real data");
    None
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

fn decode(path: &Path) -> Result<SpectrumView, FormatError> {
    radiation::decode(&std::fs::read(path).unwrap(), path.file_name().and_then(|name| name.to_str()))
}

/// Templates hold a template engine's code where numbers belong, and are not N42 files.
fn is_template(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "n42Templates")
}

#[test]
fn every_file_is_decoded_or_refused_with_its_reason() {
    let Some(data) = data() else { return };
    let mut all = Vec::new();
    for folder in [
        "gamma_becquerel",
        "gamma_gadras_reference_uri",
        "gamma_interspec_examples",
        "gamma_lanl_flavor_drills",
        "gamma_rase_llnl",
        "gamma_specutils_n42xsd",
    ] {
        if data.join(folder).is_dir() {
            files(&data.join(folder), &mut all);
        }
    }
    let (mut decoded, mut refused) = (0, Vec::new());
    for path in &all {
        let extension = path.extension().and_then(|end| end.to_str()).unwrap_or("").to_ascii_lowercase();
        let wanted = matches!(&extension[..], "n42" | "spe" | "iec" | "chn" | "pcf" | "cnf")
            || (extension == "txt" && std::fs::read(path).unwrap().starts_with(b"RADDATA"));
        if !wanted {
            continue;
        }
        match decode(path) {
            Ok(view) => {
                decoded += 1;
                assert!(!view.measurements.is_empty(), "{}: nothing measured", path.display());
                let bytes = view.to_cbor().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                assert_eq!(SpectrumView::from_cbor(&bytes).unwrap(), view, "{}", path.display());
            }
            Err(error) => refused.push((path, error)),
        }
    }
    println!("{decoded} files decoded, {} refused:", refused.len());
    for (path, error) in &refused {
        println!("  {}: {error}", path.display());
    }
    let surprises: Vec<_> = refused.iter().filter(|(path, _)| !is_template(path)).collect();
    assert!(surprises.is_empty(), "refused though no template: {surprises:?}");
}

#[test]
fn the_portal_file_is_read_whole() {
    let Some(data) = data() else { return };
    let view = decode(&data.join("gamma_interspec_examples/example_spectra/passthrough.n42")).unwrap();
    assert_eq!((view.measurements.len(), view.detectors.len(), view.calibrations.len()), (1064, 8, 8));
    assert_eq!(view.instrument.model.as_deref(), Some("OSASP"));
    assert!(view.measurements.iter().all(|m| m.gamma.as_ref().is_some_and(|row| row.len() == 16_384) && m.occupied.is_some()));
    assert_eq!(view.measurements[1063].sample, 133);
}

/// The counts that the data's own truth file gives, URI by URI. It is JSON, one object a line, unpacked beside the test run.
#[test]
fn addresses_hold_the_counts_of_the_truth_file() {
    use std::io::Read;
    let Some(data) = data() else { return };
    let folder = data.join("gamma_gadras_reference_uri");
    let mut text = String::new();
    let file = std::fs::File::open(folder.join("DECODED_counts.jsonl.gz")).unwrap();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    let mut compared = 0;
    for line in text.lines() {
        let truth: serde_json::Value = serde_json::from_str(line).unwrap();
        let path = folder.join(truth["file"].as_str().unwrap());
        if !path.is_file() {
            continue;
        }
        let view = decode(&path).unwrap();
        let measurement = &view.measurements[0];
        let counts: Vec<u64> = truth["counts"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).collect();
        let Some(Row::Counts(row)) = &measurement.gamma else { panic!("{} holds no counts", path.display()) };
        assert_eq!(row.iter().collect::<Vec<_>>(), counts, "{}", path.display());
        let times: Vec<f64> = truth["rt_lt"].as_str().unwrap().split(',').map(|time| time.parse().unwrap()).collect();
        assert_eq!([measurement.real_time.unwrap().value(), measurement.live_time.unwrap().value()], times[..], "{}", path.display());
        compared += 1;
    }
    println!("{compared} addresses compared");
    assert!(compared > 800, "{compared}");
}

#[test]
fn real_files_cut_or_changed_never_panic() {
    let Some(data) = data() else { return };
    let small = [
        "gamma_specutils_n42xsd/spectra/Mn56_DetX_Shielded.n42",
        "gamma_rase_llnl/baseSpectra/DummySpectra/DUMMY_M001_Delta_Flat.n42",
        "gamma_becquerel/samples/sim_spec.spe",
        "gamma_becquerel/samples/hpge_dummy_test_01.iec",
        "gamma_interspec_examples/target/testing/test_data/AnalystTests/BetaCheck/nai3x3_sr90_unshielded.pcf",
        "gamma_lanl_flavor_drills/202501/Q2 Ra-224 Shipment.CHN",
        "gamma_lanl_flavor_drills/202501/Q2 Ra-224 Shipment.cnf",
        "gamma_gadras_reference_uri/2x4x16-NaI/Ac225_Shielded.txt",
    ];
    for name in small.iter().map(|name| data.join(name)).filter(|path| path.is_file()) {
        let bytes = std::fs::read(&name).unwrap();
        let file = name.file_name().and_then(|name| name.to_str());
        for cut in (0..bytes.len()).step_by(1 + bytes.len() / 200) {
            let _ = radiation::decode(&bytes[..cut], file);
            let mut changed = bytes.clone();
            changed[cut] ^= 0x55;
            let _ = (sniff(&changed, file), radiation::decode(&changed, file));
        }
    }
}

#[test]
fn the_synthetic_declarations_are_read() {
    use std::io::Read;
    let Some(data) = data() else { return };
    let path = data.join("customs/kcs_import_declarations/df_syn_train_eng.csv.gz");
    let Ok(file) = std::fs::File::open(path) else { return };
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(file).read_to_end(&mut text).unwrap();
    let declarations = carnet_formats::declaration::decode(&text, Some("df_syn_train_eng.csv")).unwrap();
    println!("{} declarations", declarations.len());
    assert!(declarations.len() > 30_000);
    let first = &declarations[0];
    assert_eq!(
        (first.items[0].hs.as_deref(), first.items[0].net_mass, first.departure.as_deref()),
        (Some("440890"), Some(108.0), Some("BE"))
    );
    assert_eq!(first.personal.len(), 3, "declarant, importer and seller");
    assert!(first.unread.iter().any(|name| name == "Fraud"), "labels are no part of a declaration");
}
