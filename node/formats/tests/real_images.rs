//! Every real image file at hand is decoded, or refused with a reason; none makes the decoder panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use carnet_formats::imaging::ImageFault;
use carnet_formats::imaging::{DecodedImage, ImageFormat, decode};

/// The folder of real data, or none outside of continuous integration.
fn real_data() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("CARNET_REAL_DATA").map_or(default, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "CI is set and there is no real data at {}", folder.display());
    println!("skipped: no real data");
    None
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn image_files(data: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in std::fs::read_dir(data).unwrap() {
        let folder = folder.unwrap().path();
        if folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("xray_")) && folder.is_dir() {
            files_below(&folder, &mut files);
        }
    }
    files.retain(|file| {
        let name = file.to_string_lossy().to_ascii_lowercase();
        [".dcm", ".dcs", ".png", ".jpg", ".jpeg", ".tif", ".tiff"].iter().any(|end| name.ends_with(end))
    });
    files.sort();
    files
}

/// No personal value is in any other field.
fn assert_personal_data_apart(image: &mut DecodedImage, name: &str) {
    let personal = std::mem::take(&mut image.personal);
    let rest = format!("{image:?}");
    for (field, value) in &personal {
        // Short codes such as an id of "10" occur in numbers by chance.
        assert!(value.len() < 6 || !rest.contains(value), "{name} leaks {field}");
    }
    image.personal = personal;
}

#[test]
fn every_real_image_is_decoded_or_refused_with_a_reason() {
    let Some(data) = real_data() else { return };
    let files = image_files(&data);
    let outcomes: Mutex<BTreeMap<String, u32>> = Mutex::default();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    *outcomes.lock().unwrap().entry(outcome(&data, file)).or_default() += 1;
                }
            });
        }
    });
    for (outcome, count) in outcomes.lock().unwrap().iter() {
        println!("{count:5} {outcome}");
    }
}

/// Decodes one file, prints what came of it and returns that in a few words.
fn outcome(data: &Path, file: &Path) -> String {
    let bytes = std::fs::read(file).unwrap();
    let name = file.strip_prefix(data).unwrap().display().to_string();
    let mut image = match decode(&bytes, file.file_name().and_then(|name| name.to_str())) {
        Ok(image) => image,
        Err(error) => {
            println!("refused {name}: {error}");
            assert!(matches!(error, ImageFault::Unsupported { .. }), "{name}: {error}");
            return format!("refused: {error}");
        }
    };
    assert_personal_data_apart(&mut image, &name);
    for (index, view) in image.views.iter().enumerate() {
        // Digests are for comparison with another decoder, which only DICOM needs.
        for channel in view.channels.iter().filter(|_| image.format == ImageFormat::Dicom) {
            println!("sample-digest {name} {index} {}", channel.plane.sample_digest());
        }
    }
    let first = &image.views[0].channels[0];
    println!(
        "decoded {name}: {} x {} x {} bits, {} views, {} channels, {} {}, {:?}",
        first.plane.width(),
        first.plane.height(),
        first.plane.stored_bits(),
        image.views.len(),
        image.views[0].channels.len(),
        first.energy,
        first.meaning.code(),
        image.acquired,
    );
    format!("decoded {:?}, {} channel(s)", image.format, image.views[0].channels.len())
}
